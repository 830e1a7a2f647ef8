/**
 * Checks the options of calls, for both faces. A misspelled option is refused, because `{ timout: 5 }` would set no
 * limit and `{ colums: [...] }` would load into other columns. Each method has a list of its options, which the
 * compiler compares with their type. A call without options is not checked.
 */
import { describeValue } from '../errors/describe-value.ts'
import { ProgrammingError } from '../errors/tree.ts'
import { optionHabit } from './habits.ts'
import { nearest } from './nearest.ts'
import { TIME_LIMIT_WANTED, isTimeLimit } from './time-limit.ts'

/** The values that an option takes, for those whose meaning needs no check of its own. */
export interface OptionKind {
  accepts(value: unknown): boolean
  /** What the option takes, for the message. */
  readonly wanted: string
}

/** The names of a method's options. Each has its kind, or true where the method itself checks the value. */
export type KnownOptions = ReadonlyMap<string, OptionKind | true>

/** An object with a key for each option of a type. */
export type OptionNames<T> = Readonly<Record<keyof T, OptionKind | true>>

export const FLAG: OptionKind = { accepts: (value) => typeof value === 'boolean', wanted: 'a boolean' }
export const TEXT: OptionKind = { accepts: (value) => typeof value === 'string', wanted: 'a string' }
export const TEXTS: OptionKind = {
  accepts: (value) => Array.isArray(value) && value.every((each) => typeof each === 'string'),
  wanted: 'an array of names',
}
export const TIME_LIMIT: OptionKind = { accepts: isTimeLimit, wanted: TIME_LIMIT_WANTED }
export const LISTENER: OptionKind = {
  accepts: (value) => typeof value === 'function' || value === null,
  wanted: 'a function or null',
}

/**
 * Lists the options of a type. If a name is missing, or is not in the type, the call does not compile.
 * @example const CLOSE = knownOptions<CloseOptions>({ timeout: true })
 */
export function knownOptions<T>(names: OptionNames<Required<T>>): KnownOptions {
  return new Map(Object.entries<OptionKind | true>(names))
}

/**
 * Checks the names of options, and the values of those that have a kind. It runs in each call that has options, so it
 * allocates nothing unless it throws.
 * @param method the name of the called method, for the message
 * @throws ProgrammingError for a value that is no plain object, for a name that is not in the list, and for a value of
 *   another kind. The hint has the nearest name.
 */
export function requireKnown(options: object | undefined, known: KnownOptions, method: string): void {
  if (options === undefined) return
  if (!isPlainObject(options)) throw notOptions(options, method)
  for (const name in options) {
    if (!Object.hasOwn(options, name)) continue
    const kind = known.get(name)
    if (kind === undefined) throw unknownOption(name, known, method)
    if (kind === true) continue
    const value = (options as { readonly [name: string]: unknown })[name]
    if (value !== undefined && !kind.accepts(value)) {
      throw new ProgrammingError(`${method}: ${name}: expected ${kind.wanted}, got ${describeValue(value)}`)
    }
  }
}

/**
 * Whether a value is an object of this realm or another one, without a class. Properties that an object inherits get
 * lost when options are copied, so it must inherit none.
 */
export function isPlainObject(value: unknown): value is object {
  if (value === null || typeof value !== 'object') return false
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === null || prototype === Object.prototype) return true
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, 'isPrototypeOf')
}

/** Checks the options of a method that needs some. @throws ProgrammingError as `requireKnown`, and for undefined. */
export function requireKnownAlways(options: object, known: KnownOptions, method: string, wanted: string): void {
  if (options === undefined || options === null || typeof options !== 'object') {
    throw new ProgrammingError(`${method}: expected options with { ${wanted} }, got ${describeOptions(options)}`)
  }
  requireKnown(options, known, method)
}

/** @throws ProgrammingError for a value that is not a function. */
export function requireFunction(fn: unknown, what: string, wanted = 'a function'): void {
  if (typeof fn === 'function') return
  throw new ProgrammingError(`${what}: expected ${wanted}, got ${describeValue(fn)}`)
}

function notOptions(options: unknown, method: string): ProgrammingError {
  const hint = HINTS[typeof options]
  return new ProgrammingError(
    `${method}: expected an object of options, got ${describeOptions(options)}`,
    hint === undefined ? {} : { hint },
  )
}

/** The hints for values that people pass instead of options, by their type. */
const HINTS: Readonly<Record<string, string>> = {
  function: 'the method takes no callback: it returns its result, or a promise of it',
  number: 'a time limit is an option: { timeout: 5000 }, in milliseconds',
}

function unknownOption(name: string, known: KnownOptions, method: string): ProgrammingError {
  const meant = nearest(name, known.keys())
  const list = known.size === 0 ? 'the method takes no options' : `it takes ${[...known.keys()].join(', ')}`
  const hint = meant === null ? (optionHabit(name, known) ?? list) : `did you mean ${meant}?`
  return new ProgrammingError(`${method}: unknown option ${JSON.stringify(name.slice(0, 40))}`, { hint })
}

/** An object without a class is refused only when it inherits properties. */
function describeOptions(value: unknown): string {
  const maker = (value as { readonly constructor?: unknown } | null | undefined)?.constructor
  return maker === Object ? 'an object that inherits properties' : describeValue(value)
}
