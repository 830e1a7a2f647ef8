/**
 * Checks the options of calls, for both faces. A misspelled option is refused, because `{ timout: 5 }` would set no
 * limit and `{ colums: [...] }` would load into other columns. Each method has a list of its options, which the
 * compiler compares with their type. A call without options is not checked.
 */
import { ProgrammingError } from '../errors/tree.ts'
import { optionHabit } from './habits.ts'
import { nearest } from './nearest.ts'

/** The names of a method's options. */
export type KnownOptions = ReadonlySet<string>

/** An object with a key for each option of a type. */
export type OptionNames<T> = Readonly<Record<keyof T, true>>

/**
 * Lists the options of a type. If a name is missing, or is not in the type, the call does not compile.
 * @example const CLOSE = knownOptions<CloseOptions>({ timeout: true })
 */
export function knownOptions<T>(names: OptionNames<Required<T>>): KnownOptions {
  return new Set(Object.keys(names))
}

/**
 * Checks the names of options. It runs in each call that has options, so it allocates nothing unless it throws.
 * @param method the name of the called method, for the message
 * @throws ProgrammingError for a value that is no object, and for a name that is not in the list. The hint has the
 *   nearest name.
 */
export function requireKnown(options: object | undefined, known: KnownOptions, method: string): void {
  if (options === undefined) return
  if (options === null || typeof options !== 'object' || Array.isArray(options)) throw notOptions(options, method)
  for (const name in options) {
    if (!known.has(name) && Object.hasOwn(options, name)) throw unknownOption(name, known, method)
  }
}

/** Checks the options of a method that needs some. @throws ProgrammingError as `requireKnown`, and for undefined. */
export function requireKnownAlways(options: object, known: KnownOptions, method: string, wanted: string): void {
  if (options === undefined || options === null || typeof options !== 'object') {
    throw new ProgrammingError(`${method}: expected options with { ${wanted} }, got ${kindOf(options)}`)
  }
  requireKnown(options, known, method)
}

function notOptions(options: unknown, method: string): ProgrammingError {
  const hint = HINTS[typeof options]
  return new ProgrammingError(
    `${method}: expected an object of options, got ${kindOf(options)}`,
    hint === undefined ? {} : { hint },
  )
}

/** The hints for values that people pass instead of options, by their type. */
const HINTS: Readonly<Record<string, string>> = {
  function: 'the method takes no callback: it returns its result, or a promise of it',
  number: 'a time limit is an option: { timeout: 5000 }, in milliseconds',
}

function unknownOption(name: string, known: KnownOptions, method: string): ProgrammingError {
  const meant = nearest(name, known)
  const list = known.size === 0 ? 'the method takes no options' : `it takes ${[...known].join(', ')}`
  const hint = meant === null ? (optionHabit(name, known) ?? list) : `did you mean ${meant}?`
  return new ProgrammingError(`${method}: unknown option ${JSON.stringify(name.slice(0, 40))}`, { hint })
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : typeof value
}
