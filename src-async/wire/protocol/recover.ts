/**
 * Makes the session ready when it is unknown whether a request reached the server, because Ctrl-C interrupted the call that
 * wrote it. It asks the server to close a statement that does not exist. That is allowed in any state, and changes
 * nothing. Its answer is CloseComplete and ReadyForQuery. No answer of the interrupted request looks like that,
 * because it is an `execute` or a `simpleQuery`. All messages before are dropped.
 */
import { DbError, ProtocolError } from '../../errors/tree.ts'
import type { Nothing } from '../operations.ts'
import type { RowSink } from '../row-sink.ts'
import type { Exchange, Link } from './exchange.ts'
import { writeCloseStatement, writeSync } from './frontend.ts'
import { CLOSE_COMPLETE, COPY_IN_RESPONSE, READY_FOR_QUERY } from './tags.ts'

const NOTHING: Nothing = Object.freeze({})
const NO_STATEMENT = 'syncpg_none'
const DISCARD: RowSink = { take() {} }

/** Returns when the server has answered everything that it received. */
export function* recover(link: Link): Exchange<Nothing> {
  writeCloseStatement(link.out, NO_STATEMENT)
  writeSync(link.out)
  let closed = 0
  let others = 0
  for (;;) {
    link.rows = DISCARD
    try {
      yield
    } catch (error) {
      if (!(error instanceof DbError) || error.sqlstate === null) throw error
      // The request has reached the server and failed, most likely because it was cancelled.
      closed = 0
      others = 0
      continue
    }
    if (link.tag === COPY_IN_RESPONSE) {
      throw new ProtocolError('a COPY FROM STDIN was interrupted while its request was being sent')
    }
    if (link.tag === CLOSE_COMPLETE) closed++
    else if (link.tag !== READY_FOR_QUERY) others++
    else if (closed > 0 && others === 0) return NOTHING
    else {
      closed = 0
      others = 0
    }
  }
}
