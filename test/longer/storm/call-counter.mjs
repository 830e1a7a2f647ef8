/**
 * Counts which calls the fast path answered, from outside: it watches the system calls and the doorbell that a call makes.
 * Import this before syncpg. A call that wrote to a socket and did not ring for the worker was answered on the fast path.
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

const { readSync, writeSync } = fs
const { notify } = Atomics
const seen = { writes: 0, rings: 0 }

fs.writeSync = (...args) => {
  seen.writes += 1
  return writeSync(...args)
}
// The answer may be read through this function, as in a program that traces its reads.
fs.readSync = (...args) => readSync(...args)
syncBuiltinESMExports()
Atomics.notify = (...args) => {
  seen.rings += 1
  return notify(...args)
}

/** How the calls of this thread were answered. */
export const answered = { fast: 0, begunHere: 0, byWorker: 0 }

export function beforeCall() {
  seen.writes = 0
  seen.rings = 0
}

export function afterCall() {
  if (seen.writes === 0) answered.byWorker += 1
  else if (seen.rings === 0) answered.fast += 1
  else answered.begunHere += 1
}
