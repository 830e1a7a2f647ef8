/** What calls of the blocking API take beside their own arguments, and the checks of common arguments. */
import { ProgrammingError } from '../src-async/errors/tree.ts'
import type { PrepareOption, TimeoutOption, ValueOption } from '../src-async/flows/call-options.ts'
import type { ProgressOption } from '../src-async/flows/progress.ts'
import { type OptionNames, knownOptions } from '../src-async/options/known-options.ts'
import { readTimeLimit } from '../src-async/options/time-limit.ts'
import { ROW_OPTION_NAMES, type RowOptions } from '../src-async/values/row-options.ts'

/** What a call takes that has a time limit. */
export interface CallOptions extends TimeoutOption {}

/** What a call takes that gives rows. */
export interface ResultOptions extends CallOptions, RowOptions, ValueOption {}

/** What a call takes that gives the rows of a text. */
export interface FetchOptions extends ResultOptions, PrepareOption {}

/** What `execute` of a prepared statement takes: it drops the rows. */
export interface ExecuteStatementOptions extends CallOptions, ValueOption {}

export interface ExecuteOptions extends FetchOptions {
  /**
   * True gives each value as the server prints it: rows are arrays of strings and nulls. For texts without parameters, of
   * any number of statements; the results before one that fails are kept, and can be fetched from a cursor that threw.
   */
  readonly text?: boolean | undefined
}

export interface ExecutemanyOptions extends CallOptions, ProgressOption, RowOptions, ValueOption {
  /** True keeps the rows of each element, as a result of its own: see `nextset` and `results`. */
  readonly returning?: boolean | undefined
}

export const NO_OPTIONS = Object.freeze({})

/** The names of the options of calls with values and rows, for the lists of methods that take more. */
export const RESULT_NAMES: OptionNames<Required<ResultOptions>> = {
  ...ROW_OPTION_NAMES,
  values: true,
  timeout: true,
}

export const CALL_OPTIONS = knownOptions<CallOptions>({ timeout: true })
export const RESULT_OPTIONS = knownOptions<ResultOptions>(RESULT_NAMES)
export const FETCH_OPTIONS = knownOptions<FetchOptions>({ ...RESULT_NAMES, prepare: true })
export const EXECUTE_STATEMENT = knownOptions<ExecuteStatementOptions>({ timeout: true, values: true })
export const EXECUTE_OPTIONS = knownOptions<ExecuteOptions>({ ...RESULT_NAMES, prepare: true, text: true })
export const EXECUTEMANY_OPTIONS = knownOptions<ExecutemanyOptions>({
  ...RESULT_NAMES,
  returning: true,
  onProgress: true,
})

/** The limit of a call in milliseconds, 0 for none; undefined for the connection's. @throws ProgrammingError */
export function timeLimitOf({ timeout }: CallOptions, method: string): number | undefined {
  return timeout === undefined ? undefined : readTimeLimit(timeout, `${method}: timeout`)
}

/** @throws ProgrammingError for what cannot be called. */
export function requireFunction(fn: unknown, what: string): void {
  if (typeof fn !== 'function')
    throw new ProgrammingError(`${what}: expected a function, got ${fn === null ? 'null' : typeof fn}`)
}

/** Why a function that was called may have done nothing yet; null when it has done all it will. */
export function isLater(fn: unknown, result: unknown): 'async' | 'a generator' | null {
  if (result === null || typeof result !== 'object') return null
  if ('then' in result && typeof result.then === 'function') return 'async'
  const tag = Object.prototype.toString.call(fn)
  return tag === '[object GeneratorFunction]' || tag === '[object AsyncGeneratorFunction]' ? 'a generator' : null
}
