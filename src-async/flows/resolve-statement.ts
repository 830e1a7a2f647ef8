/**
 * From a text and values to a described statement: out of the cache, or parsed and described in one trip. Where the
 * server, lacking context, took a parameter for text and the value plainly is something else, the statement is parsed
 * once more with types derived from the values.
 */
import { deriveParameterTypes } from '../values/encode-arguments.ts'
import { Statement } from '../values/statement.ts'
import { ask, type Flow } from './ask.ts'
import { type FlowContext, flight } from './flow-context.ts'
import { learnTypes } from './learn-types.ts'
import type { DescribeReply } from '../wire/operations.ts'

export interface ResolvedStatement {
  readonly statement: Statement
  /** The cache's key for it, to forget it by; null when it is not in the cache. */
  readonly key: string | null
}

/**
 * @param hints type OIDs the caller asks for, 0 where the server may infer.
 * @throws what the server says of the text.
 */
export function* resolveStatement(
  context: FlowContext,
  sql: string,
  values: readonly unknown[],
  hints: readonly number[] = [],
): Flow<ResolvedStatement> {
  const inferred = yield* describeOnce(context, sql, hints)
  if (!inferred.statement.hasTextParameters) return inferred
  const derived = deriveParameterTypes(values, inferred.statement.parameterTypes)
  if (derived === null) return inferred
  return yield* describeOnce(context, sql, derived)
}

function* describeOnce(context: FlowContext, sql: string, types: readonly number[]): Flow<ResolvedStatement> {
  const { statements, registry } = context
  const isCacheable = statements.isCacheable(sql)
  const key = types.length === 0 ? sql : `${types.join(',')}\0${sql}`
  if (isCacheable) {
    const known = statements.get(key)
    if (known !== null) return { statement: known, key }
  }
  const name = isCacheable ? statements.nextName() : ''
  const reply = yield* ask('describe', {
    name,
    sql,
    parameterTypes: types,
    ...flight(context),
  })
  const { parameterTypes, columns } = reply
  yield* learnTypes(context, typesOf(reply))
  const statement = new Statement({ name, sql, parameterTypes, columns, registry })
  if (isCacheable) statements.put(key, statement)
  return { statement, key: isCacheable ? key : null }
}

function* typesOf({ parameterTypes, columns }: DescribeReply): Generator<number> {
  yield* parameterTypes
  if (columns !== null) for (const column of columns) yield column.typeOid
}
