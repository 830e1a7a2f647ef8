/** Describes the machine, so that a reader can judge the figures. */
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
