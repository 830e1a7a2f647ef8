/**
 * What a time limit means wherever the program gives one: milliseconds; `null`, `0` and `Infinity` are no limit; without it
 * the limit is the one of the connection or the pool. See docs/decisions/time-limits.md.
 */
import { ProgrammingError } from '../errors/tree.ts'

/** A time limit as options have it. */
export type TimeLimit = number | null | undefined

/**
 * @param what names the option in the message: `fetch: timeout`
 * @returns milliseconds, 0 for no limit; undefined where the program named none.
 * @throws ProgrammingError for what is no duration.
 */
export function readTimeLimit(limit: unknown, what: string): number | undefined {
  if (limit === undefined) return undefined
  if (limit === null || limit === Infinity) return 0
  if (typeof limit === 'number' && limit >= 0) return limit
  throw new ProgrammingError(`${what}: expected milliseconds from 0, or null for no limit, got ${shown(limit)}`)
}

/** The form of timers and of sums: Infinity for no limit. */
export function timerLimit(limitMs: number): number {
  return limitMs === 0 ? Infinity : limitMs
}

function shown(value: unknown): string {
  return typeof value === 'object' ? typeof value : String(value).slice(0, 40)
}
