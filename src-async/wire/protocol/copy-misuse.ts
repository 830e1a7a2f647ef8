/**
 * COPY through an operation that is not for COPY. The session stays usable: data going out is read to its end and dropped,
 * data expected in is refused with CopyFail; then the caller learns which call does what was meant.
 */
import type { ByteWriter } from '../../bytes/byte-writer.ts'
import { DbError, ProgrammingError, ProtocolError } from '../../errors/tree.ts'
import type { RowSink } from '../row-sink.ts'
import { expect, type Exchange, type Link } from './exchange.ts'
import { writeCopyFail, writeSync } from './frontend.ts'
import { COPY_IN_RESPONSE, READY_FOR_QUERY } from './tags.ts'

/** Comes back within the server's message, which tells this failure from one of the server's own. */
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

/** Refuses COPY data before it is asked for; outside of COPY the server ignores it. */
export function writeCopyGuard(out: ByteWriter): void {
  writeCopyFail(out, REASON)
}

/**
 * What stands behind the COPY in the flight: a guard; nothing (Query); or a Sync, which COPY swallows, so that another is
 * due.
 */
export type CopyTail = 'guard' | 'nothing' | 'sync'

/** Called at CopyInResponse; never returns. */
export function* refuseCopyIn(link: Link, tail: CopyTail): Exchange<never> {
  if (tail !== 'guard') {
    // COPY would swallow the requests that follow and their answers would never come.
    if (link.isFollowed) throw new ProtocolError('COPY ... FROM STDIN was run as a query with other requests behind it')
    writeCopyFail(link.out, REASON)
    if (tail === 'sync') writeSync(link.out)
  }
  try {
    yield* skipToReady(link)
  } catch (error) {
    if (!(error instanceof DbError) || !error.primaryMessage.includes(REASON)) {
      // COPY failed before it read anything, as under a trigger that raises: both Syncs get their ReadyForQuery.
      if (tail === 'sync') {
        yield
        expect(link, READY_FOR_QUERY, 'COPY')
      }
      throw error
    }
  }
  throw copyInMisuse()
}

/** Called at CopyOutResponse; never returns. */
export function* refuseCopyOut(link: Link): Exchange<never> {
  try {
    yield* skipToReady(link)
  } catch (error) {
    if (error instanceof DbError && error.primaryMessage.includes(REASON)) throw copyOutMisuse()
    throw error
  }
  throw copyOutMisuse()
}

/** Drops everything, rows included, up to ReadyForQuery. A COPY of the same text that waits for data gets a refusal. */
export function* skipToReady(link: Link): Exchange<void> {
  link.rows = DISCARD
  while (link.tag !== READY_FOR_QUERY) {
    yield
    if (link.tag === COPY_IN_RESPONSE) writeCopyFail(link.out, REASON)
  }
}
