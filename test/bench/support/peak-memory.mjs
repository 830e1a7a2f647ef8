/**
 * The peak memory of this process. On Linux it comes from /proc, because the value of getrusage starts with the
 * memory of the parent process: for a small client it would be the memory of the large runner.
 */
import { readFileSync } from 'node:fs'

export function peakRssMb() {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024
  } catch {
    // The value is in kilobytes on every platform.
    return process.resourceUsage().maxRSS / 1024
  }
}
