/** Asks the server for the plan of a statement. */
import { type Row, pick } from '../values/record.ts'
import { RECORD_ROWS } from '../values/row-options.ts'
import type { Flow } from './ask.ts'
import { fetchRows } from './run-statement.ts'
import type { FlowContext } from './flow-context.ts'
import { openScope, rollbackScope } from './transaction.ts'

export interface ExplainOption {
  /** Whether to run the statement too, in a transaction or savepoint that is rolled back. False by default. */
  readonly analyze?: boolean | undefined
}

/** @returns the result of EXPLAIN (FORMAT JSON, VERBOSE): an array with one object. */
export function* explain(
  context: FlowContext,
  sql: string,
  values: readonly unknown[],
  analyze: boolean,
): Flow<unknown> {
  const text = `EXPLAIN (FORMAT JSON, VERBOSE${analyze ? ', ANALYZE' : ''}) ${sql}`
  const [row] = yield* analyze ? undone(context, text, values) : explained(context, text, values)
  return row === undefined ? null : pick(row, 0)
}

function* explained(context: FlowContext, sql: string, values: readonly unknown[]): Flow<Row[]> {
  return (yield* fetchRows(context, { sql, values, rowLimit: 0, rows: RECORD_ROWS })).rows
}

function* undone(context: FlowContext, sql: string, values: readonly unknown[]): Flow<Row[]> {
  const scope = yield* openScope(context, {})
  try {
    const rows = yield* explained(context, sql, values)
    yield* rollbackScope(context, scope)
    return rows
  } catch (error) {
    yield* rollbackScope(context, scope)
    throw error
  }
}
