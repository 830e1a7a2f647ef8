/**
 * Turns the arguments of `get(…)`, `all(…)` and `run(…)` into the values of a statement, by number. They are anonymous
 * values, an array, or an object of named values with anonymous ones after it. Unlike node:sqlite, a missing value is an
 * error and not NULL.
 */
import { ProgrammingError, type RewrittenStatement } from '../index.ts'
import type { NamedParameters, SqliteParameter } from './values.ts'

export type BindArguments = readonly (SqliteParameter | NamedParameters)[]

/** The options that concern names. */
export interface NameRules {
  /** Allows `{ name: … }` for `:name`, without the prefix. */
  readonly allowsBare: boolean
  /** Allows names that the statement does not have. */
  readonly allowsUnknown: boolean
}

const NO_NAMES: NamedParameters = {}

/** @throws ProgrammingError for too few or too many values, unknown names and undefined. */
export function bindValues(rewritten: RewrittenStatement, given: BindArguments, rules: NameRules): readonly unknown[] {
  const { order, firstPlaces } = rewritten
  const [first] = given
  const hasNames = isNames(first)
  const names = hasNames ? first : NO_NAMES
  const anonymous = positional(hasNames ? given.slice(1) : given)
  if (hasNames) requireKnown(order, names, rules)
  let next = 0
  const values: unknown[] = []
  for (const [index, marker] of order.entries()) {
    // Repeated places of a name come last. The driver fills them in when the statement runs.
    if (firstPlaces !== undefined && firstPlaces[index] !== index) break
    const value = typeof marker === 'string' && hasNames ? namedValue(names, marker, rules) : anonymous[next++]
    if (value === undefined) throw missing(marker, index, next > anonymous.length)
    values.push(value)
  }
  if (next < anonymous.length) {
    throw new ProgrammingError(`too many parameter values: the statement takes ${next}, ${anonymous.length} were given`)
  }
  return values
}

/** Whether an argument is an object of named values; bytes, dates and arrays are values. */
function isNames(value: unknown): value is NamedParameters {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

/** Spreads arrays among the arguments, as better-sqlite3 does. A PostgreSQL array must be inside one: [[1, 2]]. */
function positional(given: readonly unknown[]): readonly unknown[] {
  return given.some(Array.isArray) ? given.flat() : given
}

function namedValue(names: NamedParameters, marker: string, { allowsBare }: NameRules): unknown {
  if (Object.hasOwn(names, marker)) return names[marker]
  const bare = marker.slice(1)
  return allowsBare && Object.hasOwn(names, bare) ? names[bare] : undefined
}

function requireKnown(order: readonly (number | string)[], names: NamedParameters, rules: NameRules): void {
  if (rules.allowsBare) refuseConflict(order, names)
  if (rules.allowsUnknown) return
  for (const name of Object.keys(names)) {
    const isKnown = order.some((marker) => marker === name || (rules.allowsBare && String(marker).slice(1) === name))
    if (!isKnown) throw new ProgrammingError(`unknown named parameter '${name.slice(0, 40)}'`)
  }
}

/** Refuses a bare name when the statement has both `:a` and `@a`: these are two parameters. */
function refuseConflict(order: readonly (number | string)[], names: NamedParameters): void {
  const seen = new Map<string, string>()
  for (const marker of order) {
    if (typeof marker !== 'string') continue
    const bare = marker.slice(1)
    const other = seen.get(bare)
    if (other !== undefined && other !== marker && Object.hasOwn(names, bare)) {
      throw new ProgrammingError(
        `the name '${bare.slice(0, 40)}' is ambiguous: the statement has ${other} and ${marker}`,
      )
    }
    seen.set(bare, marker)
  }
}

function missing(marker: number | string, index: number, isMissing: boolean): ProgrammingError {
  const what = typeof marker === 'string' ? `named parameter '${marker.slice(0, 40)}'` : `parameter ${index + 1}`
  if (typeof marker === 'string' || isMissing) return new ProgrammingError(`no value for ${what}`, { hint: NULL_HINT })
  return new ProgrammingError(`the value of ${what} is undefined`, { hint: NULL_HINT })
}

const NULL_HINT = 'null is SQL NULL'
