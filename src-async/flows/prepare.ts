/**
 * Statements prepared on request: with a name of their own, outside the cache, until they are closed. Parse and Describe
 * end with a Sync, so a prepared statement holds no lock and no open transaction.
 */
import { Statement } from '../values/statement.ts'
import { ask, type Flow } from './ask.ts'
import { noteFailure } from './failed-transaction.ts'
import { type FlowContext, flight } from './flow-context.ts'
import { learnTypes } from './learn-types.ts'

/** @param name null for one of our own making. @throws what the server says of the text, or of a name in use. */
export function* prepareStatement(context: FlowContext, sql: string, name: string | null): Flow<Statement> {
  const { registry, statements } = context
  const serverName = name ?? statements.nextName()
  try {
    const request = { name: serverName, sql, parameterTypes: [], ...flight(context) }
    const { parameterTypes, columns } = yield* ask('describe', request)
    yield* learnTypes(context, [...parameterTypes, ...(columns ?? []).map((column) => column.typeOid)])
    return new Statement({ name: serverName, sql, parameterTypes, columns, registry, rows: context.rows })
  } catch (error) {
    throw noteFailure(context, error, sql)
  }
}

/** Gives the statement back to the server. */
export function* closeStatement(context: FlowContext, statement: Statement): Flow<void> {
  if (!context.state.isClosed) yield* ask('closeStatements', { names: [statement.name] })
}
