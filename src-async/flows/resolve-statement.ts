/**
 * From a text and values to a described statement: out of the cache, or parsed and described in one trip. Where the
 * server cannot tell the type of a parameter, or took one for text and the value plainly is something else, the statement
 * is parsed once more with types derived from the values. A refusal of the server's does not cost the transaction: see
 * `describe-attempts.ts`. Where it would, and the value can go as text, the server's description stands.
 */
import { DbError } from '../errors/tree.ts'
import { deriveParameterTypes } from '../values/encode-arguments.ts'
import { TEXT_OID } from '../values/oids.ts'
import { Statement } from '../values/statement.ts'
import { traitsOf } from '../values/text-traits.ts'
import { toldType } from '../values/suggested-type.ts'
import { converted } from '../values/to-postgres.ts'
import { ask, type Flow } from './ask.ts'
import { DescribeAttempts } from './describe-attempts.ts'
import type { FlowContext } from './flow-context.ts'
import { replaceParameters } from './replace-parameters.ts'
import { learnTypes } from './learn-types.ts'
import { keyOf } from './statement-cache.ts'
import type { DescribeReply } from '../wire/operations.ts'

export interface ResolvedStatement {
  readonly statement: Statement
  /** Whether the server was not asked about it just now: it may have changed since. */
  readonly isRemembered: boolean
  /** The server's own description, where the statement was declared with types of the values instead. */
  readonly inferred?: Statement | undefined
}

export interface ResolveOptions {
  /** Type OIDs the caller asks for, 0 where the server may infer. */
  readonly hints?: readonly number[] | undefined
  /** For each parameter the index of the first one of the same name, its own where there is none before it. */
  readonly firstPlaces?: readonly number[] | undefined
  /** Neither looked for in the cache nor kept: a text that will not come again. */
  readonly isOneOff?: boolean | undefined
  /** Not looked for in the cache, but kept: what is remembered of it may be wrong. */
  readonly isAnew?: boolean | undefined
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
  const { hints = NO_TYPES, firstPlaces, isOneOff = false, isAnew = false } = options
  const { statements } = context
  if (isAnew) statements.forgetText(sql)
  const attempts = new DescribeAttempts(context, {
    mayBeRefused: values.length > 0,
    isDetermined: statements.texts.isDetermined(sql),
  })
  const asking = { context, sql, values, hints, firstPlaces, isOneOff, attempts }
  const resolved = yield* describeForValues(asking)
  yield* attempts.finish()
  return resolved
}

/** What `describeOnce` needs beside the types. */
interface Asking {
  readonly context: FlowContext
  readonly sql: string
  readonly values: readonly unknown[]
  readonly hints: readonly number[]
  readonly firstPlaces: readonly number[] | undefined
  readonly isOneOff: boolean
  readonly attempts: DescribeAttempts
}

/** What the server infers, and the types that the cache's key has for it. */
interface Inferred extends ResolvedStatement {
  readonly keyTypes: readonly number[]
}

/** Describes; parameters that the server took for text get the types of their values, where those are something else. */
function* describeForValues(asking: Asking): Flow<ResolvedStatement> {
  const { sql } = asking
  const { statements } = asking.context
  let inferred = yield* describeDetermined(asking)
  let derived = derivedTypes(asking, inferred.statement)
  if (derived !== null && inferred.isRemembered && isNew(asking, inferred.statement, derived)) {
    // What is declared now must not come from what the server inferred at another time.
    const { parameterTypes, refusedTypes } = inferred.statement
    statements.forget(keyOf(sql, inferred.keyTypes))
    statements.texts.forgetTold(sql)
    inferred = yield* describeDetermined(asking)
    if (String(parameterTypes) !== String(inferred.statement.parameterTypes)) {
      statements.forgetText(sql)
      inferred = yield* describeDetermined(asking)
    } else {
      // Values of two types in turn must not ask for both of them again and again.
      for (const types of refusedTypes) inferred.statement.refuseTypes(types)
    }
    derived = derivedTypes(asking, inferred.statement)
  }
  if (derived === null) return inferred
  return (yield* describeDerived(asking, inferred.statement, derived)) ?? inferred
}

/** Whether the server has neither accepted nor refused these types for the text, as far as is remembered. */
function isNew({ context, sql }: Asking, inferred: Statement, types: readonly number[]): boolean {
  return !context.statements.has(keyOf(sql, types)) && !inferred.refusedTypes.has(types.join())
}

/**
 * The types to declare where the server took a parameter for text that is none; null where there is no such.
 * @param isSafe whether only those are wanted that the server cannot refuse, and those of values that cannot go as text
 */
function derivedTypes(asking: Asking, statement: Statement, isSafe = !asking.attempts.mayFail): number[] | null {
  const { values, hints, sql } = asking
  if (!statement.hasTextParameters) return null
  const mayGuess = isSafe ? safeGuesses(asking, statement) : undefined
  const derived = deriveParameterTypes(values, statement.parameterTypes, sql, mayGuess)
  if (derived === null) return null
  // What the caller asked for stands, be it text for a number.
  hints.forEach((hint, index) => {
    if (hint !== 0) derived[index] = hint
  })
  return derived
}

function safeGuesses({ context }: Asking, statement: Statement): (parameter: number) => boolean {
  const outputs = statement.outputsOf(context.state.parameters.get('standard_conforming_strings') !== 'off')
  return (parameter) => outputs.has(parameter)
}

/** With types derived from the values, or the safe ones of them; null where the server's own description stands. */
function* describeDerived(asking: Asking, inferred: Statement, types: number[]): Flow<ResolvedStatement | null> {
  const found = yield* describeGuess(asking, inferred, types)
  if (found !== null) return found
  const safe = derivedTypes(asking, inferred, true)
  return safe === null ? null : yield* describeGuess(asking, inferred, safe)
}

function* describeGuess(asking: Asking, inferred: Statement, types: number[]): Flow<ResolvedStatement | null> {
  const key = types.join()
  if (inferred.refusedTypes.has(key)) return null
  try {
    return { ...(yield* describeOnce(asking, types)), inferred }
  } catch (error) {
    if (!isRefusalOfGuess(error) || !asking.attempts.mayGoOn) throw error
  }
  inferred.refuseTypes(key)
  return null
}

/** Describes; parameters that the server can tell no type of get the ones their values suggest. */
function* describeDetermined(asking: Asking): Flow<Inferred> {
  const { context, sql, values, hints, attempts } = asking
  const { texts } = context.statements
  const remembered = rememberedTypes(asking)
  let types = remembered ?? hints
  let first: unknown = null
  for (;;) {
    try {
      const resolved = yield* describeOnce(asking, types)
      if (first !== null) rememberTold(asking, types)
      else if (types === hints) rememberDetermined(asking, resolved.statement)
      return { ...resolved, keyTypes: types }
    } catch (error) {
      texts.forgetDetermined(sql)
      first ??= error
      if (!attempts.mayGoOn) throw first
      if (types === remembered && isRefusalOfTypes(error)) {
        // What was remembered is of a time when the text meant something else.
        texts.forgetTold(sql)
        types = hints
        first = null
        continue
      }
      const more = determined(error, types, values)
      if (more === null) return yield* describeJoined(asking, error, first)
      types = more
    }
  }
}

/** An unnamed statement is described for each run: one that needs nothing of its values is not guarded again. */
function rememberDetermined({ context }: Asking, { name, sql, hasTextParameters }: Statement): void {
  if (name === '' && !hasTextParameters) context.statements.texts.rememberDetermined(sql)
}

/** Remembers which parameters had to be told, so that the next call tells them at once. */
function rememberTold({ context, sql, hints, isOneOff }: Asking, types: readonly number[]): void {
  if (isOneOff) return
  const told = types.flatMap((type, index) => (type !== 0 && (hints[index] ?? 0) === 0 ? [index] : []))
  if (told.length > 0) context.statements.texts.rememberTold(sql, told)
}

/**
 * The types to begin with where parameters had to be told: what the caller asked for, and what the values suggest for
 * those. null where nothing is remembered.
 */
function rememberedTypes({ context, sql, values, hints, isOneOff }: Asking): readonly number[] | null {
  const told = isOneOff ? null : context.statements.texts.told(sql)
  if (told === null) return null
  const types = Array.from(values, (_, index) => hints[index] ?? 0)
  for (const index of told) {
    if (index < types.length && types[index] === 0) {
      types[index] = toldType(values[index]) ?? textOrNothing(values[index])
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
    more[index] = toldType(values[index]) ?? textOrNothing(values[index])
    return more[index] === 0 ? null : more
  }
  for (const suggest of [toldType, textOrNothing]) {
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

/** Whether the server refused a text because of the types of its parameters. */
export function isRefusalOfTypes(error: unknown): error is DbError {
  return error instanceof DbError && TYPE_REFUSALS.has(error.sqlstate ?? '')
}

/** Whether the server refused a text because places of one name are different parameters to it. */
export function isRefusalOfPlaces(error: unknown): boolean {
  return error instanceof DbError && SAME_PARAMETER_REFUSALS.has(error.sqlstate ?? '')
}

/** Whatever the server says of a text with guessed types, as that a literal beside the parameter is no integer. */
function isRefusalOfGuess(error: unknown): boolean {
  return error instanceof DbError && /^(?:0A|22|42)/.test(error.sqlstate ?? '')
}

/**
 * Places of one name are parameters of their own, which `group by` takes for different expressions. Where that is what the
 * server refuses, they are one parameter.
 * @throws the first refusal, when that does not help.
 */
function* describeJoined(asking: Asking, error: unknown, first: unknown): Flow<Inferred> {
  const { context, sql, hints, firstPlaces } = asking
  if (!isRefusalOfPlaces(error) || firstPlaces?.some((place, index) => place !== index) !== true) throw first
  const unused = firstPlaces.flatMap((place, index) => (place === index ? [] : [index]))
  const types = firstPlaces.map((place, index) => (place === index ? (hints[index] ?? 0) : TEXT_OID))
  const isStandard = context.state.parameters.get('standard_conforming_strings') !== 'off'
  // As long as before, so that the position of an error stays right.
  const joined = replaceParameters(sql, isStandard, (number) => {
    return `$${firstPlaces[number - 1]! + 1}`.padEnd(`$${number}`.length)
  })
  try {
    return { ...(yield* describeOnce(asking, types, { sql: joined, unused, keyTypes: hints })), keyTypes: hints }
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
  const { statements, registry, state } = context
  const mayBeKept = !isOneOff && statements.isCacheable(askedSql)
  const key = keyOf(askedSql, substitute?.keyTypes ?? types)
  if (mayBeKept) {
    const known = statements.get(key)
    if (known !== null) return { statement: known, isRemembered: true }
  }
  const sql = substitute?.sql ?? askedSql
  const traits = traitsOf(sql, state.parameters.get('standard_conforming_strings') !== 'off')
  const isCacheable = mayBeKept && traits.isKeepable
  const name = isCacheable ? statements.nextName() : ''
  const reply = yield* ask('describe', { name, sql, parameterTypes: types, ...attempts.flight() })
  const { parameterTypes, columns } = reply
  yield* learnTypes(context, typesOf(reply))
  const { unused } = substitute ?? {}
  const statement = new Statement({ name, sql, parameterTypes, columns, registry, rows: context.rows, unused, traits })
  if (isCacheable) statements.put(key, statement)
  return { statement, isRemembered: false }
}

function* typesOf({ parameterTypes, columns }: DescribeReply): Generator<number> {
  yield* parameterTypes
  if (columns !== null) for (const column of columns) yield column.typeOid
}
