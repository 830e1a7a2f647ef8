/**
 * Gives the described statement for a text and its values: from the cache, or parsed and described in one round trip.
 * The statement is parsed again with types derived from the values in two cases: when the server cannot infer the type
 * of a parameter, and when it infers text but the value is clearly something else. A refusal by the server does not
 * fail the transaction: see `describe-attempts.ts`. If a refusal would fail the transaction, and the value can be
 * sent as text, the server's own description is used.
 */
import { DbError } from '../errors/tree.ts'
import { deriveParameterTypes } from '../values/encode-arguments.ts'
import { TEXT_OID } from '../values/oids.ts'
import { Statement } from '../values/statement.ts'
import { traitsOf } from '../values/text-traits.ts'
import { declaredType } from '../values/suggested-type.ts'
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
  /** Whether the description came from the cache and may be stale. */
  readonly isRemembered: boolean
  /** The server's own description, when the statement was declared with types derived from the values instead. */
  readonly inferred?: Statement | undefined
}

export interface ResolveOptions {
  /** Type OIDs that the caller asks for; 0 for a type that the server may infer. */
  readonly hints?: readonly number[] | undefined
  /** For each parameter the index of the first parameter with the same name; its own index when it is the first. */
  readonly firstPlaces?: readonly number[] | undefined
  /** The text will not run again: it is neither looked up in the cache nor kept. */
  readonly isOneOff?: boolean | undefined
  /** The cache entry may be wrong: it is not used, and the new description replaces it. */
  readonly ignoresCache?: boolean | undefined
  /**
   * The text is described before its turn in a pipeline, between statements of the open transaction. So a refusal must
   * not fail the transaction. The caller describes a refused text again in its turn.
   */
  readonly isApart?: boolean | undefined
}

const NO_TYPES: readonly number[] = []
const NO_OPTIONS: ResolveOptions = {}
const UNDETERMINED = '42P18'
/**
 * Errors of the server that another parameter type may avoid: datatype mismatch, which includes polymorphic functions,
 * undefined and ambiguous function, cannot coerce, ambiguous parameter, indeterminate datatype.
 */
const TYPE_REFUSALS: ReadonlySet<string> = new Set(['42804', '42883', '42725', '42846', '42P08', UNDETERMINED])
/**
 * Errors that one shared parameter may avoid: GROUP BY and DISTINCT treat two expressions as equal only if their
 * parameters have the same numbers.
 */
const SAME_PARAMETER_REFUSALS: ReadonlySet<string> = new Set(['42803', '42P10'])

/**
 * The cached statement, when nothing about it depends on the values; otherwise null, and the caller uses
 * `resolveStatement`. It is a plain function because nearly every statement comes here, and a generator costs more.
 */
export function knownStatement(context: FlowContext, sql: string, options: ResolveOptions): Statement | null {
  const { statements } = context
  if (options.isOneOff === true || !statements.isCacheable(sql)) return null
  const known = statements.get(keyOf(sql, options.hints ?? NO_TYPES))
  return known === null || known.hasTextParameters ? null : known
}

/** Gives the described statement for a text and its values. @throws the server's error about the text. */
export function* resolveStatement(
  context: FlowContext,
  sql: string,
  values: readonly unknown[],
  options: ResolveOptions = NO_OPTIONS,
): Flow<ResolvedStatement> {
  const { hints = NO_TYPES, firstPlaces, isOneOff = false, ignoresCache = false, isApart = false } = options
  const { statements } = context
  if (ignoresCache) statements.forgetText(sql)
  const attempts = new DescribeAttempts(context, {
    mayBeRefused: values.length > 0,
    isDetermined: statements.texts.isDetermined(sql),
    isApart,
  })
  const asking = { context, sql, values, hints, firstPlaces, isOneOff, attempts }
  const resolved = yield* describeForValues(asking)
  yield* attempts.finish()
  return resolved
}

/** The arguments of `describeOnce`, without the types. */
interface Asking {
  readonly context: FlowContext
  readonly sql: string
  readonly values: readonly unknown[]
  readonly hints: readonly number[]
  readonly firstPlaces: readonly number[] | undefined
  readonly isOneOff: boolean
  readonly attempts: DescribeAttempts
}

/** The server's description, and the types in its cache key. */
interface Inferred extends ResolvedStatement {
  readonly keyTypes: readonly number[]
}

/**
 * Describes the text. When the server infers text for a parameter whose value is something else, describes it again
 * with the type of the value.
 */
function* describeForValues(asking: Asking): Flow<ResolvedStatement> {
  const { sql } = asking
  const { statements } = asking.context
  let inferred = yield* describeDetermined(asking)
  let derived = derivedTypes(asking, inferred.statement)
  if (derived !== null && inferred.isRemembered && isNew(asking, inferred.statement, derived)) {
    // New types must not be derived from an old description, so the text is described again first.
    const { parameterTypes, refusedTypes } = inferred.statement
    statements.forget(keyOf(sql, inferred.keyTypes))
    statements.texts.forgetDeclared(sql)
    inferred = yield* describeDetermined(asking)
    if (String(parameterTypes) !== String(inferred.statement.parameterTypes)) {
      statements.forgetText(sql)
      inferred = yield* describeDetermined(asking)
    } else {
      // Keep the refusals. Otherwise a program that alternates between two types would cause a refused request for each
      // run.
      for (const types of refusedTypes) inferred.statement.refuseTypes(types)
    }
    derived = derivedTypes(asking, inferred.statement)
  }
  if (derived === null) return inferred
  return (yield* describeDerived(asking, inferred.statement, derived)) ?? inferred
}

/** Whether these types are new for the text: the cache knows neither a statement nor a refusal for them. */
function isNew({ context, sql }: Asking, inferred: Statement, types: readonly number[]): boolean {
  return !context.statements.has(keyOf(sql, types)) && !inferred.refusedTypes.has(types.join())
}

/**
 * The types to declare when the server inferred text for a value that is not text; null when there is no such value.
 * @param isSafe whether to derive only types that the server cannot refuse, and types of values that cannot be sent as
 *   text
 */
function derivedTypes(asking: Asking, statement: Statement, isSafe = !asking.attempts.mayFail): number[] | null {
  const { values, hints, sql } = asking
  if (!statement.hasTextParameters) return null
  const mayGuess = isSafe ? safeGuesses(asking, statement) : undefined
  const derived = deriveParameterTypes(values, statement.parameterTypes, sql, mayGuess)
  if (derived === null) return null
  // Types that the caller asked for are kept, even text for a number.
  hints.forEach((hint, index) => {
    if (hint !== 0) derived[index] = hint
  })
  return derived
}

function safeGuesses({ context }: Asking, statement: Statement): (parameter: number) => boolean {
  const outputs = statement.outputsOf(context.state.parameters.get('standard_conforming_strings') !== 'off')
  return (parameter) => outputs.has(parameter)
}

/**
 * Describes the text with types derived from the values, or with the safe ones of them. null when the server's own
 * description is to be used.
 */
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
    if (!isRefusalOfGuess(error) || !asking.attempts.mayRetry) throw error
  }
  inferred.refuseTypes(key)
  return null
}

/** Describes the text. Parameters whose types the server cannot infer get types derived from their values. */
function* describeDetermined(asking: Asking): Flow<Inferred> {
  const { context, sql, values, hints, attempts } = asking
  const { texts } = context.statements
  const remembered = rememberedTypes(asking)
  let types = remembered ?? hints
  let first: unknown = null
  for (;;) {
    try {
      const resolved = yield* describeOnce(asking, types)
      if (first !== null) rememberDeclared(asking, types)
      else if (types === hints) rememberDetermined(asking, resolved.statement)
      return { ...resolved, keyTypes: types }
    } catch (error) {
      texts.forgetDetermined(sql)
      first ??= error
      if (!attempts.mayRetry) throw first
      if (types === remembered && isRefusalOfTypes(error)) {
        // The remembered types are stale: the text has another meaning now.
        texts.forgetDeclared(sql)
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

/**
 * Remembers that the server could infer all types. An unnamed statement is described for each run, and the next run
 * then needs no savepoint.
 */
function rememberDetermined({ context }: Asking, { name, sql, hasTextParameters }: Statement): void {
  if (name === '' && !hasTextParameters) context.statements.texts.rememberDetermined(sql)
}

/** Remembers which parameter types had to be declared, so that the next call declares them at once. */
function rememberDeclared({ context, sql, hints, isOneOff }: Asking, types: readonly number[]): void {
  if (isOneOff) return
  const declared = types.flatMap((type, index) => (type !== 0 && (hints[index] ?? 0) === 0 ? [index] : []))
  if (declared.length > 0) context.statements.texts.rememberDeclared(sql, declared)
}

/**
 * The types to declare in the first attempt, when some had to be declared before: the types that the caller asked for,
 * and types derived from the values of the remembered parameters. null when nothing is remembered.
 */
function rememberedTypes({ context, sql, values, hints, isOneOff }: Asking): readonly number[] | null {
  const declared = isOneOff ? null : context.statements.texts.declared(sql)
  if (declared === null) return null
  const types = Array.from(values, (_, index) => hints[index] ?? 0)
  for (const index of declared) {
    if (index < types.length && types[index] === 0) {
      types[index] = declaredType(values[index]) ?? textTypeOrNone(values[index])
    }
  }
  return types
}

/**
 * The types for the next attempt, after a refusal. If the server names a parameter, that one gets a type. If it cannot
 * find a function or operator, all parameters get the types of their values; in a further attempt strings get text.
 * null when nothing would change.
 */
function determined(error: unknown, types: readonly number[], values: readonly unknown[]): number[] | null {
  if (!isRefusalOfTypes(error)) return null
  const more = Array.from(values, (_, position) => types[position] ?? 0)
  const asked = error.sqlstate === UNDETERMINED ? Number(/\$(\d+)/.exec(error.primaryMessage)?.[1] ?? 0) : 0
  if (asked > 0) {
    const index = asked - 1
    if (index >= values.length || more[index] !== 0) return null
    more[index] = declaredType(values[index]) ?? textTypeOrNone(values[index])
    return more[index] === 0 ? null : more
  }
  for (const suggest of [declaredType, textTypeOrNone]) {
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

/** Text for strings, and for null, which may stand for a string; otherwise 0. */
function textTypeOrNone(given: unknown): number {
  // An object may convert itself to a string.
  const value = converted(given, TEXT_OID)
  return typeof value === 'string' || value === null ? TEXT_OID : 0
}

/** Whether the server refused a text because of the types of its parameters. */
export function isRefusalOfTypes(error: unknown): error is DbError {
  return error instanceof DbError && TYPE_REFUSALS.has(error.sqlstate ?? '')
}

/** Whether the server refused a text because two uses of the same name are different parameters for it. */
export function isRefusalOfPlaces(error: unknown): boolean {
  return error instanceof DbError && SAME_PARAMETER_REFUSALS.has(error.sqlstate ?? '')
}

/**
 * Whether the server refused derived types. The error may be about another part of the text, such as a literal next to
 * the parameter that is not an integer.
 */
function isRefusalOfGuess(error: unknown): boolean {
  return error instanceof DbError && /^(?:0A|22|42)/.test(error.sqlstate ?? '')
}

/**
 * Uses of the same name are usually separate parameters, which `group by` treats as different expressions. When the
 * server refuses that, this function describes the text with one shared parameter.
 * @throws the first refusal when that does not help.
 */
function* describeJoined(asking: Asking, error: unknown, first: unknown): Flow<Inferred> {
  const { context, sql, hints, firstPlaces } = asking
  if (!isRefusalOfPlaces(error) || firstPlaces?.some((place, index) => place !== index) !== true) throw first
  const unused = firstPlaces.flatMap((place, index) => (place === index ? [] : [index]))
  const types = firstPlaces.map((place, index) => (place === index ? (hints[index] ?? 0) : TEXT_OID))
  const isStandard = context.state.parameters.get('standard_conforming_strings') !== 'off'
  // The text keeps its length, so that error positions stay correct.
  const joined = replaceParameters(sql, isStandard, (number) => {
    return `$${firstPlaces[number - 1]! + 1}`.padEnd(`$${number}`.length)
  })
  try {
    return { ...(yield* describeOnce(asking, types, { sql: joined, unused, keyTypes: hints })), keyTypes: hints }
  } catch {
    throw first
  }
}

/** A changed text that is sent instead of the original. It is cached under the key of the original. */
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
