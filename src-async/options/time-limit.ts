/**
 * Reads time limits, which mean the same in all calls: a number of milliseconds; `null`, `0` and `Infinity` for no
 * limit; undefined for the limit of the connection or the pool. See docs/decisions/time-limits.md.
 */
import { ProgrammingError } from '../errors/tree.ts'

/** A time limit in options. */
export type TimeLimit = number | null | undefined

/**
 * @param what the method and option for the message: `fetch: timeout`
 * @returns milliseconds, 0 for no limit; undefined when the program gave none.
 * @throws ProgrammingError for a value that is not a time limit.
 */
export function readTimeLimit(limit: unknown, what: string): number | undefined {
  if (limit === undefined) return undefined
  if (limit === null || limit === Infinity) return 0
  if (typeof limit === 'number' && limit >= 0) return limit
  throw new ProgrammingError(`${what}: expected milliseconds from 0, or null for no limit, got ${shown(limit)}`)
}

/** Turns 0 (no limit) into Infinity, with which timers and sums can work. */
export function timerLimit(limitMs: number): number {
  return limitMs === 0 ? Infinity : limitMs
}

function shown(value: unknown): string {
  return typeof value === 'object' ? typeof value : String(value).slice(0, 40)
}
