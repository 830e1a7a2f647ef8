/**
 * Puts the user's parameters in the server's order. Everything that can be wrong with them is found here, before a byte is
 * sent, because an error of the server would abort the transaction. An array that is already in the server's order is passed
 * on without a copy.
 */
import { isDate, isMap } from '../../src-async/values/any-realm.ts'
import { ProgrammingError } from '../../src-async/errors/tree.ts'
import { clip, describeValue } from '../../src-async/errors/describe-value.ts'
import { EXECUTE_OPTIONS } from '../call-options.ts'
import { explainMarkers } from './explain-markers.ts'
import { Record } from '../../src-async/values/record.ts'
import type { RewrittenStatement } from './rewrite.ts'

/** Parameters of a statement: an array for positional markers, an object or a Map for named ones. */
export type Parameters = readonly unknown[] | NamedParameters

/** Parameters by name. An instance of a class works too: its inherited properties and getters count. */
export type NamedParameters = Readonly<{ [name: string]: unknown }> | ReadonlyMap<string, unknown> | object

const NO_VALUES: readonly unknown[] = []
const MOST_NAMES_SHOWN = 8

/**
 * The values for `$1`, `$2` …; the array itself where it has them in this order already.
 * @throws ProgrammingError when the parameters are neither array nor object, too few, too many or undefined, or lack a name.
 */
export function bindParameters(
  rewritten: RewrittenStatement,
  parameters: Parameters | null | undefined,
): readonly unknown[] {
  const { order, kind } = rewritten
  if (Array.isArray(parameters)) {
    const { firstPlaces } = rewritten
    const count = firstPlaces === undefined ? order.length : new Set(firstPlaces).size
    if (parameters.length !== count) throw wrongCount(rewritten, count, parameters.length)
    if (kind === 'named' && rewritten.style !== 'sqlite') throw wrongContainer(rewritten, parameters)
    // `includes` finds holes of the array too, but the message needs the index.
    for (let index = 0; index < parameters.length; index++) {
      if (parameters[index] === undefined) throw undefinedValue(`parameter ${index + 1}`)
    }
    const given: readonly unknown[] = parameters
    return firstPlaces === undefined ? given : firstPlaces.map((place) => given[place])
  }
  if (parameters === null || parameters === undefined) {
    if (order.length === 0) return NO_VALUES
    throw wrongContainer(rewritten, parameters)
  }
  // A row of a result counts as a sequence, so cursor2.executemany(sql, cursor1.fetchall()) works.
  if (parameters instanceof Record && kind !== 'named') {
    return bindParameters(rewritten, Record.toArray(parameters))
  }
  if (!isNamedContainer(parameters) || (kind !== 'named' && kind !== 'none')) {
    throw wrongContainer(rewritten, parameters)
  }
  if (kind === 'named') return namedValues(rewritten, parameters)
  refuseLostNames(rewritten, parameters)
  if (kind === 'none') refuseOptions(parameters)
  return NO_VALUES
}

function namedValues(rewritten: RewrittenStatement, parameters: object): unknown[] {
  const { order } = rewritten
  const values: unknown[] = new Array(order.length)
  for (let index = 0; index < order.length; index++) {
    const marker = order[index]
    if (typeof marker === 'number') throw mixedWithObject(order, index)
    const name = rewritten.style === 'sqlite' ? sqliteName(parameters, marker!) : marker!
    if (!hasName(parameters, name)) throw missingName(rewritten, parameters, name)
    const value = isMap(parameters) ? parameters.get(name) : (parameters as { [name: string]: unknown })[name]
    if (value === undefined) throw undefinedValue(`parameter ${JSON.stringify(clip(name))}`)
    values[index] = value
  }
  return values
}

const OPTION_NAMES: ReadonlySet<string> = new Set(EXECUTE_OPTIONS.keys())

/** Allows an object without markers, unless its keys are call options: `execute(sql, { timeout: 50 })` would ignore them. */
function refuseOptions(parameters: object): void {
  const names = isMap(parameters) ? [] : Object.keys(parameters)
  if (names.length === 0 || !names.every((name) => OPTION_NAMES.has(name))) return
  const shown = clip(names.join(', '))
  throw new ProgrammingError(`the statement has no markers, but got { ${shown} } as its parameters`, {
    hint: `options come after the parameters: execute(sql, null, { ${shown} })`,
  })
}

/** SQLite's markers have a prefix (`:a`), and the object's keys may be written with or without it. */
function sqliteName(parameters: object, marker: string): string {
  return hasName(parameters, marker) ? marker : marker.slice(1)
}

/** Properties that every object inherits (`constructor`, `toString`) are not parameters. */
function hasName(parameters: object, name: string): boolean {
  if (isMap(parameters)) return parameters.has(name)
  return Object.hasOwn(parameters, name) || (name in parameters && !(name in Object.prototype))
}

/** Objects that are one value (a Date, bytes) are not searched for names: the caller forgot to wrap them in an array. */
function isNamedContainer(parameters: unknown): parameters is object {
  if (typeof parameters !== 'object' || parameters === null) return false
  if (ArrayBuffer.isView(parameters) || parameters instanceof ArrayBuffer || isDate(parameters)) return false
  return !(parameters instanceof Set) && !(parameters instanceof Promise)
}

/** For calls whose parameters are not bound to markers. @throws ProgrammingError for anything but an array, an object or a Map. */
export function requireContainer(parameters: unknown, method: string): void {
  if (Array.isArray(parameters) || isNamedContainer(parameters)) return
  throw new ProgrammingError(
    `${method}: expected an array or an object of parameters, got ${describeValue(parameters)}`,
  )
}

function wrongContainer(rewritten: RewrittenStatement, found: unknown): ProgrammingError {
  const { kind, order } = rewritten
  if (kind === 'named') {
    const example = `{ ${clip(String(order[0]))}: … }`
    const message = `the statement has named markers: expected an object such as ${example}, got `
    return new ProgrammingError(message + describeValue(found))
  }
  const isContainer = isNamedContainer(found)
  const expected = kind === 'none' ? 'an array or an object of parameters' : 'an array of parameters'
  const why = kind === 'none' ? '' : `the statement has positional markers: `
  const hint = isContainer ? namesHint(rewritten) : 'wrap the value in an array, also a single one: [value]'
  return new ProgrammingError(`${why}expected ${expected}, got ${describeValue(found)}`, { hint })
}

function mixedWithObject(order: readonly (number | string)[], index: number): ProgrammingError {
  const message = `parameter ${index + 1} of the statement has no name, but the values were given by name`
  return new ProgrammingError(message, {
    hint: `pass the ${order.length} values in an array, in the order of their numbers`,
  })
}

function namesHint({ style }: RewrittenStatement): string {
  if (style === 'named') return 'an object goes with :name markers'
  if (style === 'sqlite') return 'an object goes with :name, @name or $name markers'
  if (style !== 'qmark' && style !== 'numeric') return 'an object goes with %(name)s markers'
  return 'an object goes with the markers of paramstyle pyformat or named'
}

function wrongCount(rewritten: RewrittenStatement, count: number, given: number): ProgrammingError {
  const { kind } = rewritten
  if (kind === 'named' && rewritten.style !== 'sqlite') {
    return wrongContainer(rewritten, new Array(given))
  }
  const markers =
    count === 0
      ? 'the statement has no parameter markers'
      : kind === 'native'
        ? `the statement's highest marker is $${count}`
        : `the statement has ${count} parameter marker${count === 1 ? '' : 's'}`
  const parameters = given === 1 ? '1 parameter was given' : `${given} parameters were given`
  const hint = explainMarkers(rewritten, given)
  return new ProgrammingError(`${markers}, and ${parameters}`, hint === null ? {} : { hint })
}

/** Superfluous names are ignored, unless the statement seems to have markers that were not recognised. */
function refuseLostNames(rewritten: RewrittenStatement, parameters: object): void {
  const count = isMap(parameters) ? parameters.size : Object.keys(parameters).length
  if (count === 0) return
  const hint = explainMarkers(rewritten, count)
  if (hint === null) return
  throw new ProgrammingError(`the statement has no parameter markers, but values were given by name`, {
    hint,
  })
}

function missingName(rewritten: RewrittenStatement, parameters: object, name: string): ProgrammingError {
  const names = isMap(parameters) ? [...parameters.keys()].map(String) : Object.keys(parameters)
  const shown = names.slice(0, MOST_NAMES_SHOWN).map((each) => JSON.stringify(clip(each)))
  if (names.length > MOST_NAMES_SHOWN) shown.push('…')
  const given = names.length === 0 ? 'the object has no properties' : `the object has ${shown.join(', ')}`
  const { style } = rewritten
  const marker = style === 'named' || style === 'sqlite' ? `:${clip(name)}` : `%(${clip(name)})s`
  return new ProgrammingError(`no value for ${marker}: ${given}`)
}

function undefinedValue(what: string): ProgrammingError {
  return new ProgrammingError(`${what} is undefined`, {
    hint: 'null is SQL NULL; undefined is nearly always a misspelled property',
  })
}
