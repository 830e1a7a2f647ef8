/**
 * The requests around the description of a text in a transaction, when the description must change nothing: a refusal
 * does not fail the transaction, and the locks that an accepted text has taken are kept. All of them are sent without
 * waiting, so the server decides: there is no command that ends a savepoint after success and goes back to it after an
 * error, but two savepoints of the same name come to that.
 *
 *   SAVEPOINT around; SAVEPOINT back      (openApart)
 *   Parse, Describe                       (`describe`)
 *   SAVEPOINT back                        (markApart) only after success: the failed transaction refuses it
 *   ROLLBACK TO back; RELEASE around      (closeApart) goes back to the newer savepoint, or to the one before the text
 */
import type { ExecuteRequest } from '../operations.ts'
import type { Exchange, Link } from './exchange.ts'
import { execute } from './execute.ts'

const AROUND = 'syncpg_around'
const BACK = 'syncpg_back'
/** A Bind body without parameter formats, parameters and result formats. */
const EMPTY_BIND = new Uint8Array(6)
const NO_ROWS = { take(): void {} }

export function* openApart(link: Link): Exchange<void> {
  yield* execute(link, command(`SAVEPOINT ${BACK}`, `SAVEPOINT ${AROUND}`))
  // From now on a failed transaction will be mended by `closeApart`.
  link.isApart = true
}

export function* markApart(link: Link): Exchange<void> {
  yield* execute(link, command(`SAVEPOINT ${BACK}`))
}

export function* closeApart(link: Link): Exchange<void> {
  try {
    yield* execute(link, command(`RELEASE SAVEPOINT ${AROUND}`, `ROLLBACK TO SAVEPOINT ${BACK}`))
  } finally {
    link.isApart = false
  }
}

function command(sql: string, begin: string | null = null): ExecuteRequest {
  const parse = { sql, parameterTypes: [] }
  return { name: '', parse, bind: EMPTY_BIND, rowLimit: 0, rows: NO_ROWS, begin, closing: [], timeoutMs: 0 }
}
