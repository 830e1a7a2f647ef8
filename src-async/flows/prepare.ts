/**
 * Prepares a statement for the program, or only describes it. A prepared statement has its own name, is not in the
 * cache and exists until it is closed. Parse and Describe end with a Sync, so a prepared statement holds no lock and no
 * transaction.
 */
import { Statement } from '../values/statement.ts'
import { traitsOf } from '../values/text-traits.ts'
import { ask, type Flow } from './ask.ts'
import { noteFailure } from './failed-transaction.ts'
import { type FlowContext, closingLimits, flight } from './flow-context.ts'
import { learnTypes } from './learn-types.ts'
import { countParameters } from './replace-parameters.ts'
import { type ResolveOptions, resolveStatement } from './resolve-statement.ts'

/**
 * @param name null to let the driver choose one.
 * @throws the server's error about the text, or about a name that is in use.
 */
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
 * Asks the server for the parameters and columns of a text, without running it. The statement stays in the cache for
 * its first run.
 * @param values one null for each parameter
 * @param options with `isOneOff` nothing stays in the cache
 * @throws the server's error about the text.
 */
export function* describeStatement(
  context: FlowContext,
  sql: string,
  values: readonly null[],
  options: ResolveOptions,
): Flow<Statement> {
  if (context.state.transactionStatus === 'I') context.statements.beginTransaction()
  try {
    return (yield* resolveStatement(context, sql, values, { ...options, ignoresCache: true })).statement
  } catch (error) {
    throw noteFailure(context, error, sql)
  }
}

/**
 * Describes a text whose parameters are `$1`, `$2` and so on; see `describeStatement`.
 * @throws the server's error about the text.
 */
export function* describeText(context: FlowContext, sql: string, isOneOff: boolean): Flow<Statement> {
  const isStandard = context.state.parameters.get('standard_conforming_strings') !== 'off'
  const nulls = new Array<null>(countParameters(sql, isStandard)).fill(null)
  return yield* describeStatement(context, sql, nulls, { isOneOff })
}

/** Closes the statement on the server. */
export function* closeStatement(context: FlowContext, statement: Statement): Flow<void> {
  if (!context.state.isClosed) yield* ask('closeStatements', { names: [statement.name], ...closingLimits(context) })
}
