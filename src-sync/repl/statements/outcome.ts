/** The variables that a statement sets: ERROR, SQLSTATE, ROW_COUNT, LAST_ERROR_MESSAGE, LAST_ERROR_SQLSTATE. */
import type { DbError } from '../../index.ts'
import type { Variables } from '../variables.ts'

export function noteSuccess(variables: Variables, rowCount: number): void {
  variables.set('ERROR', 'false')
  variables.set('SQLSTATE', '00000')
  variables.set('ROW_COUNT', String(Math.max(0, rowCount)))
}

export function noteFailure(variables: Variables, failure: DbError): void {
  const sqlstate = failure.sqlstate ?? ''
  variables.set('ERROR', 'true')
  variables.set('SQLSTATE', sqlstate)
  variables.set('ROW_COUNT', '0')
  variables.set('LAST_ERROR_SQLSTATE', sqlstate)
  variables.set('LAST_ERROR_MESSAGE', failure.primaryMessage)
}
