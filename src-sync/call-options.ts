/** The options that calls of the blocking API share, and the checks of arguments that they share. */
import type { PrepareOption, TimeoutOption, ValueOption } from '../src-async/flows/call-options.ts'
import type { ProgressOption } from '../src-async/flows/progress.ts'
import { type OptionNames, knownOptions, FLAG, LISTENER, TIME_LIMIT } from '../src-async/options/known-options.ts'
import { readTimeLimit } from '../src-async/options/time-limit.ts'
import { ROW_OPTION_NAMES, type RowOptions } from '../src-async/values/row-options.ts'

/** Options of a call with a time limit. */
export interface CallOptions extends TimeoutOption {}

/** Options of a call that returns rows. */
export interface ResultOptions extends CallOptions, RowOptions, ValueOption {}

/** Options of a call that returns rows and takes the statement as text. */
export interface FetchOptions extends ResultOptions, PrepareOption {}

/** Options of a prepared statement's `execute`, which drops the rows. */
export interface ExecuteStatementOptions extends CallOptions, ValueOption {}

/** Options of `execute`. */
export interface ExecuteOptions extends FetchOptions {
  /**
   * True returns each value as the server prints it: rows are arrays of strings and nulls. Only for a text without
   * parameters; it may hold several statements. If one fails, the cursor keeps the results before it, and you can fetch
   * them.
   */
  readonly text?: boolean | undefined
}

/** Options of `executemany`. */
export interface ExecutemanyOptions extends CallOptions, ProgressOption, RowOptions, ValueOption {
  /** True keeps the rows of each element as a separate result: see `nextset` and `results`. */
  readonly returning?: boolean | undefined
}

export const NO_OPTIONS = Object.freeze({})

/**
 * The names of the options of calls with values and rows. Methods with more options build their own lists from these.
 */
export const RESULT_NAMES: OptionNames<Required<ResultOptions>> = {
  ...ROW_OPTION_NAMES,
  values: true,
  timeout: TIME_LIMIT,
}

export const CALL_OPTIONS = knownOptions<CallOptions>({ timeout: TIME_LIMIT })
export const RESULT_OPTIONS = knownOptions<ResultOptions>(RESULT_NAMES)
export const FETCH_OPTIONS = knownOptions<FetchOptions>({ ...RESULT_NAMES, prepare: FLAG })
export const EXECUTE_STATEMENT = knownOptions<ExecuteStatementOptions>({ timeout: TIME_LIMIT, values: true })
export const EXECUTE_OPTIONS = knownOptions<ExecuteOptions>({ ...RESULT_NAMES, prepare: FLAG, text: FLAG })
export const EXECUTEMANY_OPTIONS = knownOptions<ExecutemanyOptions>({
  ...RESULT_NAMES,
  returning: FLAG,
  onProgress: LISTENER,
})

/**
 * The time limit of a call in milliseconds; 0 for no limit, undefined for the connection's default.
 * @throws ProgrammingError for an invalid duration.
 */
export function timeLimitOf({ timeout }: CallOptions, method: string): number | undefined {
  return timeout === undefined ? undefined : readTimeLimit(timeout, `${method}: timeout`)
}

/** The kind of a function whose work is not done when it returns; null for an ordinary function. */
export function isLater(fn: unknown, result: unknown): 'async' | 'a generator' | null {
  if (result === null || typeof result !== 'object') return null
  if ('then' in result && typeof result.then === 'function') return 'async'
  const tag = Object.prototype.toString.call(fn)
  return tag === '[object GeneratorFunction]' || tag === '[object AsyncGeneratorFunction]' ? 'a generator' : null
}
