/** Runs one statement and drops its rows. */
import type { Flow } from './ask.ts'
import { DROP_ROWS } from './fetch-rows.ts'
import type { FlowContext } from './flow-context.ts'
import { runStatement } from './run-statement.ts'
import type { StatementRequest } from './statement-request.ts'

/** @returns the command tag; `''` when the text contains no statement. */
export function* executeOne(context: FlowContext, request: Omit<StatementRequest, 'sinkFor'>): Flow<string> {
  const { tag } = yield* runStatement(context, { ...request, sinkFor: () => DROP_ROWS })
  return tag ?? ''
}
