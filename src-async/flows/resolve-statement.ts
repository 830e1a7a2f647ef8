/**
 * From a text and values to a described statement: out of the cache, or parsed and described in one trip. Where the
 * server, lacking context, took a parameter for text and the value plainly is something else, the statement is parsed
 * once more with types derived from the values.
 */
import { DbError } from '../errors/tree.ts'
import { deriveParameterTypes } from '../values/encode-arguments.ts'
import { TEXT_OID } from '../values/oids.ts'
import { Statement } from '../values/statement.ts'
import { traitsOf } from '../values/text-traits.ts'
import { suggestedType } from '../values/suggested-type.ts'
import { ask, type Flow } from './ask.ts'
import { type FlowContext, flight } from './flow-context.ts'
import { learnTypes } from './learn-types.ts'
import type { DescribeReply } from '../wire/operations.ts'

export interface ResolvedStatement {
  readonly statement: Statement
  /** Whether the server was not asked about it just now: it may have changed since. */
  readonly isRemembered: boolean
}

export interface ResolveOptions {
  /** Type OIDs the caller asks for, 0 where the server may infer. */
  readonly hints?: readonly number[] | undefined
  /** Neither looked for in the cache nor kept: a text that will not come again. */
  readonly isOneOff?: boolean | undefined
  /** Not looked for in the cache, but kept: what is remembered of it may be wrong. */
  readonly isAnew?: boolean | undefined
}

const NO_TYPES: readonly number[] = []
const NO_OPTIONS: ResolveOptions = {}
const UNDETERMINED = '42P18'

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
  const { hints = NO_TYPES, isOneOff = false, isAnew = false } = options
  const { statements } = context
  if (isAnew) statements.forgetText(sql)
  let inferred = yield* describeDetermined(context, sql, { values, hints, isOneOff })
  let derived = derivedTypes(inferred.statement, values, hints)
  if (derived === null) return inferred
  if (inferred.isRemembered && !statements.has(keyOf(sql, derived))) {
    // What is declared now must not come from what the server inferred at another time.
    const { parameterTypes } = inferred.statement
    statements.forget(keyOf(sql, hints))
    inferred = yield* describeDetermined(context, sql, { values, hints, isOneOff })
    if (String(parameterTypes) !== String(inferred.statement.parameterTypes)) statements.forgetText(sql)
    derived = derivedTypes(inferred.statement, values, hints)
    if (derived === null) return yield* describeDetermined(context, sql, { values, hints, isOneOff })
  }
  return yield* describeOnce(context, sql, derived, isOneOff)
}

/** The types to declare where the server took a parameter for text that is none; null where there is no such. */
function derivedTypes(statement: Statement, values: readonly unknown[], hints: readonly number[]): number[] | null {
  const derived = statement.hasTextParameters ? deriveParameterTypes(values, statement.parameterTypes) : null
  if (derived === null) return null
  // What the caller asked for stands, be it text for a number.
  hints.forEach((hint, index) => {
    if (hint !== 0) derived[index] = hint
  })
  return derived
}

/**
 * Describes; a parameter the server can tell no type of gets the one its value suggests, as long as nothing was begun
 * that the server's refusal has failed.
 */
function* describeDetermined(
  context: FlowContext,
  sql: string,
  { values, hints, isOneOff }: { values: readonly unknown[]; hints: readonly number[]; isOneOff: boolean },
): Flow<ResolvedStatement> {
  let types = hints
  for (;;) {
    try {
      return yield* describeOnce(context, sql, types, isOneOff)
    } catch (error) {
      const more = context.state.transactionStatus === 'I' ? determined(error, types, values) : null
      if (more === null) throw error
      types = more
    }
  }
}

/** The types with one more of them told; null when that is not what the error is about, or it was told already. */
function determined(error: unknown, types: readonly number[], values: readonly unknown[]): number[] | null {
  if (!(error instanceof DbError) || error.sqlstate !== UNDETERMINED) return null
  const index = Number(/\$(\d+)/.exec(error.primaryMessage)?.[1] ?? 0) - 1
  if (index < 0 || index >= values.length || (types[index] ?? 0) !== 0) return null
  const value = values[index]
  const suggested = suggestedType(value) ?? (typeof value === 'string' || value === null ? TEXT_OID : null)
  if (suggested === null) return null
  const more = Array.from(values, (_, position) => types[position] ?? 0)
  more[index] = suggested
  return more
}

function* describeOnce(
  context: FlowContext,
  sql: string,
  types: readonly number[],
  isOneOff: boolean,
): Flow<ResolvedStatement> {
  const { statements, registry, state } = context
  const mayBeKept = !isOneOff && statements.isCacheable(sql)
  const key = keyOf(sql, types)
  if (mayBeKept) {
    const known = statements.get(key)
    if (known !== null) return { statement: known, isRemembered: true }
  }
  const traits = traitsOf(sql, state.parameters.get('standard_conforming_strings') !== 'off')
  const isCacheable = mayBeKept && traits.isKeepable
  const name = isCacheable ? statements.nextName() : ''
  const reply = yield* ask('describe', {
    name,
    sql,
    parameterTypes: types,
    ...flight(context),
  })
  const { parameterTypes, columns } = reply
  yield* learnTypes(context, typesOf(reply))
  const statement = new Statement({ name, sql, parameterTypes, columns, registry, rows: context.rows, traits })
  if (isCacheable) statements.put(key, statement)
  return { statement, isRemembered: false }
}

function keyOf(sql: string, types: readonly number[]): string {
  return types.length === 0 ? sql : `${types.join(',')}\0${sql}`
}

function* typesOf({ parameterTypes, columns }: DescribeReply): Generator<number> {
  yield* parameterTypes
  if (columns !== null) for (const column of columns) yield column.typeOid
}
