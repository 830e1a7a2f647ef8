/**
 * From a text and values to a described statement: out of the cache, or parsed and described in one trip. Where the
 * server cannot tell the type of a parameter, or took one for text and the value plainly is something else, the statement
 * is parsed once more with types derived from the values. A refusal of the server's does not cost the transaction: see
 * `describe-attempts.ts`.
 */
import { DbError } from '../errors/tree.ts'
import { deriveParameterTypes } from '../values/encode-arguments.ts'
import { TEXT_OID } from '../values/oids.ts'
import { Statement } from '../values/statement.ts'
import { suggestedType } from '../values/suggested-type.ts'
import { converted } from '../values/to-postgres.ts'
import { ask, type Flow } from './ask.ts'
import { DescribeAttempts } from './describe-attempts.ts'
import type { FlowContext } from './flow-context.ts'
import { replaceParameters } from './replace-parameters.ts'
import { learnTypes } from './learn-types.ts'
import type { DescribeReply } from '../wire/operations.ts'

export interface ResolvedStatement {
  readonly statement: Statement
  /** The cache's key for it, to forget it by; null when it is not in the cache. */
  readonly key: string | null
}

export interface ResolveOptions {
  /** Type OIDs the caller asks for, 0 where the server may infer. */
  readonly hints?: readonly number[] | undefined
  /** For each parameter the index of the first one of the same name, its own where there is none before it. */
  readonly firstPlaces?: readonly number[] | undefined
  /** Neither looked for in the cache nor kept: a text that will not come again. */
  readonly isOneOff?: boolean | undefined
}

const NO_TYPES: readonly number[] = []
const NO_OPTIONS: ResolveOptions = {}
const UNDETERMINED = '42P18'
/**
 * What the server says where the type of a parameter decides: datatype mismatch, which includes polymorphic functions,
 * undefined and ambiguous function, cannot coerce, indeterminate collation.
 */
const TYPE_REFUSALS: ReadonlySet<string> = new Set(['42804', '42883', '42725', '42846', '42P08', UNDETERMINED])
/** GROUP BY and DISTINCT know an expression again only by its parameters' numbers. */
const SAME_PARAMETER_REFUSALS: ReadonlySet<string> = new Set(['42803', '42P10'])

/**
 * The statement where it is in the cache and nothing about it depends on the values; else null, and `resolveStatement`
 * finds out. Apart from it because this is nearly every statement, and generators have their price.
 */
export function knownStatement(context: FlowContext, sql: string, options: ResolveOptions): Statement | null {
  const { statements } = context
  if (options.isOneOff === true || !statements.isCacheable(sql)) return null
  const known = statements.get(keyOf(sql, options.hints ?? NO_TYPES))
  return known === null || known.hasTextParameters ? null : known
}

/** @throws what the server says of the text. */
export function* resolveStatement(
  context: FlowContext,
  sql: string,
  values: readonly unknown[],
  options: ResolveOptions = NO_OPTIONS,
): Flow<ResolvedStatement> {
  const { hints = NO_TYPES, isOneOff = false } = options
  const attempts = new DescribeAttempts(context, values.length > 0 && !context.determinedTexts.has(sql))
  const asking = { context, sql, values, isOneOff, attempts }
  const inferred = yield* describeDetermined(asking, hints, options.firstPlaces)
  const { statement } = inferred
  const derived = statement.hasTextParameters ? deriveParameterTypes(values, statement.parameterTypes, sql) : null
  // What the caller asked for stands, be it text for a number.
  if (derived !== null) {
    hints.forEach((hint, index) => {
      if (hint !== 0) derived[index] = hint
    })
  }
  const resolved = derived === null ? null : yield* describeDerived(asking, statement, derived)
  yield* attempts.finish()
  return resolved ?? inferred
}

/** What `describeOnce` needs beside the types. */
interface Asking {
  readonly context: FlowContext
  readonly sql: string
  readonly values: readonly unknown[]
  readonly isOneOff: boolean
  readonly attempts: DescribeAttempts
}

/** With types derived from the values; null where the server takes nothing but text in those places. */
function* describeDerived(asking: Asking, inferred: Statement, types: number[]): Flow<ResolvedStatement | null> {
  const key = types.join()
  if (inferred.refusedTypes.has(key)) return null
  try {
    return yield* describeOnce(asking, types)
  } catch (error) {
    if (!isRefusalOfTypes(error) || !asking.attempts.mayGoOn) throw error
  }
  inferred.refusedTypes.add(key)
  return null
}

/** Describes; parameters that the server can tell no type of get the ones their values suggest. */
function* describeDetermined(
  asking: Asking,
  hints: readonly number[],
  firstPlaces: readonly number[] | undefined,
): Flow<ResolvedStatement> {
  const { context, sql, values, attempts } = asking
  let types = remembered(context, sql, values, hints)
  let first: unknown = null
  for (;;) {
    try {
      const resolved = yield* describeOnce(asking, types)
      if (first !== null) remember(context, sql, types, hints)
      else if (types === hints) rememberDetermined(context, resolved.statement)
      return resolved
    } catch (error) {
      first ??= error
      if (!attempts.mayGoOn) throw first
      // What was remembered may be of a time when the text meant something else.
      if (isRefusalOfTypes(error) && context.toldParameters.delete(sql)) {
        types = hints
        continue
      }
      const more = determined(error, types, values)
      if (more === null) return yield* describeJoined(asking, hints, firstPlaces, error, first)
      types = more
    }
  }
}

/** Texts of which parameters are remembered. */
const MOST_REMEMBERED = 200

/** An unnamed statement is described for each run: one that needs nothing of its values is not guarded again. */
function rememberDetermined({ determinedTexts }: FlowContext, { name, sql, hasTextParameters }: Statement): void {
  if (name !== '' || hasTextParameters) return
  if (determinedTexts.size >= MOST_REMEMBERED) determinedTexts.clear()
  determinedTexts.add(sql)
}

/** Remembers which parameters had to be told, so that the next call tells them at once. */
function remember(
  { toldParameters }: FlowContext,
  sql: string,
  types: readonly number[],
  hints: readonly number[],
): void {
  const told = types.flatMap((type, index) => (type !== 0 && (hints[index] ?? 0) === 0 ? [index] : []))
  if (toldParameters.size >= MOST_REMEMBERED) toldParameters.clear()
  toldParameters.set(sql, told)
}

/** The types to begin with: what the caller asked for, and what the values suggest for parameters that had to be told. */
function remembered(
  { toldParameters }: FlowContext,
  sql: string,
  values: readonly unknown[],
  hints: readonly number[],
): readonly number[] {
  const told = toldParameters.size === 0 ? undefined : toldParameters.get(sql)
  if (told === undefined) return hints
  const types = Array.from(values, (_, index) => hints[index] ?? 0)
  for (const index of told) {
    if (index < types.length && types[index] === 0) {
      types[index] = suggestedType(values[index]) ?? textOrNothing(values[index])
    }
  }
  return types
}

/**
 * The types with more of them told: the one that the server asks for, or, where a function or an operator is not to be
 * found without them, all that the values suggest, then text for strings as well. null when that would change nothing.
 */
function determined(error: unknown, types: readonly number[], values: readonly unknown[]): number[] | null {
  if (!isRefusalOfTypes(error)) return null
  const more = Array.from(values, (_, position) => types[position] ?? 0)
  const asked = error.sqlstate === UNDETERMINED ? Number(/\$(\d+)/.exec(error.primaryMessage)?.[1] ?? 0) : 0
  if (asked > 0) {
    const index = asked - 1
    if (index >= values.length || more[index] !== 0) return null
    more[index] = suggestedType(values[index]) ?? textOrNothing(values[index])
    return more[index] === 0 ? null : more
  }
  for (const suggest of [suggestedType, textOrNothing]) {
    let hasMore = false
    values.forEach((value, index) => {
      if (more[index] !== 0) return
      more[index] = suggest(value) ?? 0
      hasMore ||= more[index] !== 0
    })
    if (hasMore) return more
  }
  return null
}

/** Strings, and null, which may be one. */
function textOrNothing(given: unknown): number {
  // An object that converts itself may become a string.
  const value = converted(given, TEXT_OID)
  return typeof value === 'string' || value === null ? TEXT_OID : 0
}

function isRefusalOfTypes(error: unknown): error is DbError {
  return error instanceof DbError && TYPE_REFUSALS.has(error.sqlstate ?? '')
}

/**
 * Places of one name are parameters of their own, which `group by` takes for different expressions. Where that is what the
 * server refuses, they are one parameter.
 * @throws the first refusal, when that does not help.
 */
function* describeJoined(
  asking: Asking,
  hints: readonly number[],
  firstPlaces: readonly number[] | undefined,
  error: unknown,
  first: unknown,
): Flow<ResolvedStatement> {
  const isAboutPlaces = error instanceof DbError && SAME_PARAMETER_REFUSALS.has(error.sqlstate ?? '')
  if (!isAboutPlaces || firstPlaces?.some((place, index) => place !== index) !== true) throw first
  const unused = firstPlaces.flatMap((place, index) => (place === index ? [] : [index]))
  const types = firstPlaces.map((place, index) => (place === index ? (hints[index] ?? 0) : TEXT_OID))
  const { context, sql } = asking
  const isStandard = context.state.parameters.get('standard_conforming_strings') !== 'off'
  // As long as before, so that the position of an error stays right.
  const joined = replaceParameters(sql, isStandard, (number) => {
    return `$${firstPlaces[number - 1]! + 1}`.padEnd(`$${number}`.length)
  })
  try {
    return yield* describeOnce(asking, types, { sql: joined, unused, keyTypes: hints })
  } catch {
    throw first
  }
}

/** Another text than the one asked about, under whose key it is kept. */
interface Substitute {
  readonly sql: string
  readonly unused: readonly number[]
  readonly keyTypes: readonly number[]
}

function* describeOnce(
  { context, sql: askedSql, isOneOff, attempts }: Asking,
  types: readonly number[],
  substitute?: Substitute,
): Flow<ResolvedStatement> {
  const { statements, registry } = context
  const isCacheable = !isOneOff && statements.isCacheable(askedSql)
  const key = keyOf(askedSql, substitute?.keyTypes ?? types)
  if (isCacheable) {
    const known = statements.get(key)
    if (known !== null) return { statement: known, key }
  }
  const name = isCacheable ? statements.nextName() : ''
  const sql = substitute?.sql ?? askedSql
  const reply = yield* ask('describe', { name, sql, parameterTypes: types, ...attempts.flight() })
  const { parameterTypes, columns } = reply
  yield* learnTypes(context, typesOf(reply))
  const { unused } = substitute ?? {}
  const statement = new Statement({ name, sql, parameterTypes, columns, registry, rows: context.rows, unused })
  if (isCacheable) statements.put(key, statement)
  return { statement, key: isCacheable ? key : null }
}

function keyOf(sql: string, types: readonly number[]): string {
  return types.length === 0 ? sql : `${types.join(',')}\0${sql}`
}

function* typesOf({ parameterTypes, columns }: DescribeReply): Generator<number> {
  yield* parameterTypes
  if (columns !== null) for (const column of columns) yield column.typeOid
}
