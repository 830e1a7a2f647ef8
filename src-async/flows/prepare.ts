/**
 * Statements prepared on request: with a name of their own, outside the cache, until they are closed, or described only.
 * Parse and Describe end with a Sync, so a prepared statement holds no lock and no open transaction.
 */
import { Statement } from '../values/statement.ts'
import { traitsOf } from '../values/text-traits.ts'
import { ask, type Flow } from './ask.ts'
import { noteFailure } from './failed-transaction.ts'
import { type FlowContext, closingLimits, flight } from './flow-context.ts'
import { learnTypes } from './learn-types.ts'
import { countParameters } from './replace-parameters.ts'
import { type ResolveOptions, resolveStatement } from './resolve-statement.ts'

/** @param name null for one of our own making. @throws what the server says of the text, or of a name in use. */
export function* prepareStatement(context: FlowContext, sql: string, name: string | null): Flow<Statement> {
  const { registry, statements, state } = context
  const serverName = name ?? statements.nextName()
  try {
    const request = { name: serverName, sql, parameterTypes: [], ...flight(context) }
    const { parameterTypes, columns } = yield* ask('describe', request)
    yield* learnTypes(context, [...parameterTypes, ...(columns ?? []).map((column) => column.typeOid)])
    const traits = traitsOf(sql, state.parameters.get('standard_conforming_strings') !== 'off')
    return new Statement({ name: serverName, sql, parameterTypes, columns, registry, rows: context.rows, traits })
  } catch (error) {
    throw noteFailure(context, error, sql)
  }
}

/**
 * Asks what a text takes and gives now, without running it. It stays in the cache, for when it runs.
 * @param values as many nulls as it has parameters
 * @param options `isOneOff` keeps nothing
 * @throws what the server says of the text.
 */
export function* describeStatement(
  context: FlowContext,
  sql: string,
  values: readonly null[],
  options: ResolveOptions,
): Flow<Statement> {
  if (context.state.transactionStatus === 'I') context.statements.beginTransaction()
  try {
    return (yield* resolveStatement(context, sql, values, { ...options, isAnew: true })).statement
  } catch (error) {
    throw noteFailure(context, error, sql)
  }
}

/**
 * Describes a text with PostgreSQL's own markers, `$1`; as `describeStatement`.
 * @throws what the server says of the text.
 */
export function* describeText(context: FlowContext, sql: string, isOneOff: boolean): Flow<Statement> {
  const isStandard = context.state.parameters.get('standard_conforming_strings') !== 'off'
  const nulls = new Array<null>(countParameters(sql, isStandard)).fill(null)
  return yield* describeStatement(context, sql, nulls, { isOneOff })
}

/** Gives the statement back to the server. */
export function* closeStatement(context: FlowContext, statement: Statement): Flow<void> {
  if (!context.state.isClosed) yield* ask('closeStatements', { names: [statement.name], ...closingLimits(context) })
}
