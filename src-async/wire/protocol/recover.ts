/**
 * What to do when nobody knows whether a request reached the server, because the stack that was writing it was torn off:
 * something is asked whose answer cannot be mistaken, and everything before that answer is dropped. Closing a statement
 * that does not exist is allowed in any state and changes none; no request of ours is answered by nothing else.
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

/** Ends when the server is ready, and has answered whatever it got. */
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
      // The request reached the server and failed there, by the cancel most likely.
      closed = 0
      others = 0
      continue
    }
    if (link.tag === COPY_IN_RESPONSE) throw new ProtocolError('a COPY FROM STDIN was torn off while it was being sent')
    if (link.tag === CLOSE_COMPLETE) closed++
    else if (link.tag !== READY_FOR_QUERY) others++
    else if (closed > 0 && others === 0) return NOTHING
    else {
      closed = 0
      others = 0
    }
  }
}
