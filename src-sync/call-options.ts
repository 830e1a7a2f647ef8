/** What calls take beside their own arguments: options that are none are refused, for a misspelled limit is no limit. */
import { ProgrammingError } from '../src-async/errors/tree.ts'
import { ROW_OPTION_KEYS } from '../src-async/values/row-options.ts'

export const NO_OPTIONS = Object.freeze({})
export const FETCH_KEYS: readonly string[] = [...ROW_OPTION_KEYS, 'values', 'timeout', 'prepare']
export const EXECUTE_KEYS: readonly string[] = [...FETCH_KEYS, 'text']
export const COPY_KEYS: readonly string[] = ['timeout']
export const EXECUTEMANY_KEYS: readonly string[] = [...ROW_OPTION_KEYS, 'values', 'timeout', 'returning', 'onProgress']

/** @throws ProgrammingError for what is no object, and for a key that is not among these. */
export function requireOptions(options: object, keys: readonly string[], method: string): void {
  if (options === NO_OPTIONS) return
  if (options === null || typeof options !== 'object') {
    throw new ProgrammingError(
      `${method}: expected an object of options, got ${options === null ? 'null' : typeof options}`,
    )
  }
  const unknown = Object.keys(options).find((key) => !keys.includes(key))
  if (unknown === undefined) return
  throw new ProgrammingError(`${method}: unknown option ${JSON.stringify(unknown)}; it takes ${keys.join(', ')}`)
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
