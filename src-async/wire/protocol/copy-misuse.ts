/**
 * Handles a COPY that was run through an operation that is not for COPY. The session stays usable: data of a COPY TO is read
 * to its end and dropped, and a COPY FROM is ended with CopyFail. Then the call fails, and the error names the right call.
 */
import type { ByteWriter } from '../../bytes/byte-writer.ts'
import { DbError, ProgrammingError, ProtocolError } from '../../errors/tree.ts'
import type { RowSink } from '../row-sink.ts'
import { expect, type Exchange, type Link } from './exchange.ts'
import { writeCopyFail, writeSync } from './frontend.ts'
import { COPY_IN_RESPONSE, READY_FOR_QUERY } from './tags.ts'

/** The server repeats this text in its error message, which shows that the error comes from this CopyFail. */
const REASON = 'syncpg: this call cannot send COPY data'

const DISCARD: RowSink = { take() {} }

function copyInMisuse(): ProgrammingError {
  return new ProgrammingError('COPY ... FROM STDIN cannot be run as a query: nothing supplies its data', {
    hint: 'use copyToTable() for ready-made COPY data or copyRecordsToTable() for records',
  })
}

function copyOutMisuse(): ProgrammingError {
  return new ProgrammingError('COPY ... TO STDOUT cannot be run as a query: its data has nowhere to go', {
    hint: 'use copyFromTable() or copyFromQuery()',
  })
}

/** Writes a CopyFail in case the statement is a COPY FROM STDIN. Otherwise the server ignores it. */
export function writeCopyGuard(out: ByteWriter): void {
  writeCopyFail(out, REASON)
}

/**
 * The message after the COPY in its flight (the messages up to one Sync): a CopyFail as a guard; nothing, after a
 * Query; or a Sync. The server drops a Sync during a COPY, so another one has to be sent.
 */
export type CopyTail = 'guard' | 'nothing' | 'sync'

/** Ends the COPY after a CopyInResponse. Always throws. */
export function* refuseCopyIn(link: Link, tail: CopyTail): Exchange<never> {
  if (tail !== 'guard') {
    // The server drops requests that it receives during a COPY, so their answers would never come.
    if (link.isFollowed) throw new ProtocolError('COPY ... FROM STDIN was run as a query with other requests behind it')
    writeCopyFail(link.out, REASON)
    if (tail === 'sync') writeSync(link.out)
  }
  try {
    yield* skipToReady(link)
  } catch (error) {
    if (!(error instanceof DbError) || !error.primaryMessage.includes(REASON)) {
      // COPY failed before it read anything, for example by a trigger. So both Syncs get a ReadyForQuery.
      if (tail === 'sync') {
        yield
        expect(link, READY_FOR_QUERY, 'COPY')
      }
      throw error
    }
  }
  throw copyInMisuse()
}

/** Reads the COPY to its end after a CopyOutResponse. Always throws. */
export function* refuseCopyOut(link: Link): Exchange<never> {
  try {
    yield* skipToReady(link)
  } catch (error) {
    if (error instanceof DbError && error.primaryMessage.includes(REASON)) throw copyOutMisuse()
    throw error
  }
  throw copyOutMisuse()
}

/** Drops all messages up to ReadyForQuery. If a later statement of the text is a COPY FROM STDIN, it gets a CopyFail. */
export function* skipToReady(link: Link): Exchange<void> {
  link.rows = DISCARD
  while (link.tag !== READY_FOR_QUERY) {
    yield
    if (link.tag === COPY_IN_RESPONSE) writeCopyFail(link.out, REASON)
  }
}
