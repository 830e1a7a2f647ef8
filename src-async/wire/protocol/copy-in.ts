/**
 * COPY … FROM STDIN. The exchange stays open while data is sent, and is exclusive: no later request is written before it
 * ends. `copyIn` streams the data. `copyInWhole` sends the COPY and all its data in one write, for PGlite, which
 * cannot take a part of a COPY.
 */
import { ProgrammingError } from '../../errors/tree.ts'
import type { CopyInEndReply, CopyInStartRequest } from '../operations.ts'
import { refuseCopyOut, skipToReady } from './copy-misuse.ts'
import { expect, unexpected, writeQueries, type Exchange, type Link } from './exchange.ts'
import { writeCopyData, writeCopyDone, writeCopyFail, writeQuery } from './frontend.ts'
import {
  COMMAND_COMPLETE,
  COPY_IN_RESPONSE,
  COPY_OUT_RESPONSE,
  EMPTY_QUERY_RESPONSE,
  READY_FOR_QUERY,
  ROW_DESCRIPTION,
} from './tags.ts'

/** @param started called when the server asks for data. */
export function* copyIn(link: Link, request: CopyInStartRequest, started: () => void): Exchange<CopyInEndReply> {
  yield* writeQueries(link, request, () => writeQuery(link.out, request.sql))
  yield* expectCopyIn(link)
  started()
  return yield* readEnd(link)
}

/** @param failure see `CopyInEndRequest` */
export function* copyInWhole(
  link: Link,
  request: CopyInStartRequest,
  chunks: readonly Uint8Array[],
  failure: string | null,
): Exchange<CopyInEndReply> {
  yield* writeQueries(link, request, () => {
    writeQuery(link.out, request.sql)
    if (failure === null) {
      for (const chunk of chunks) writeCopyData(link.out, chunk)
      writeCopyDone(link.out)
    } else {
      writeCopyFail(link.out, failure)
    }
  })
  yield* expectCopyIn(link)
  return yield* readEnd(link)
}

function* readEnd(link: Link): Exchange<CopyInEndReply> {
  yield
  expect(link, COMMAND_COMPLETE, 'COPY')
  const tag = link.commandTag()
  yield
  // Another statement followed the COPY in the same string. It has run, and its results were dropped. The user has to know
  // that.
  if (link.tag !== READY_FOR_QUERY) {
    yield* skipToReady(link)
    throw new ProgrammingError('COPY ... FROM STDIN was followed by another statement; give COPY a call of its own')
  }
  return { tag }
}

function* expectCopyIn(link: Link): Exchange<void> {
  yield
  switch (link.tag) {
    case COPY_IN_RESPONSE:
      return
    case COPY_OUT_RESPONSE:
      return yield* refuseCopyOut(link)
    case COMMAND_COMPLETE:
    case EMPTY_QUERY_RESPONSE:
    case ROW_DESCRIPTION:
      yield* skipToReady(link)
      throw new ProgrammingError('the statement is not COPY ... FROM STDIN: the server ran it and wants no data')
    default:
      throw unexpected(link, 'COPY')
  }
}
