/**
 * The most memory this process has held. On Linux from /proc: what getrusage says begins with the memory of the process
 * that forked this one, which for a small client of a large runner is the runner's.
 */
import { readFileSync } from 'node:fs'

export function peakRssMb() {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024
  } catch {
    // Kilobytes on every platform.
    return process.resourceUsage().maxRSS / 1024
  }
}
