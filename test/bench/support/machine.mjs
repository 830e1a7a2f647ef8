/** What a reader has to know of the machine to judge a figure. */
import { cpus, loadavg, totalmem } from 'node:os'

export function machineFacts() {
  return {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    processors: cpus().length,
    model: cpus()[0]?.model ?? '',
    memoryGb: Math.round(totalmem() / 2 ** 30),
    load: loadavg().map((load) => Math.round(load * 100) / 100),
    date: new Date().toISOString(),
  }
}
