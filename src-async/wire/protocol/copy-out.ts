/**
 * COPY … TO STDOUT. The exchange stays open while data comes. It is exclusive (no later request is written before it
 * ends), because a cancel of the COPY must not hit another request. The payloads of CopyData go directly to a sink.
 */
import type { ByteReader } from '../../bytes/byte-reader.ts'
import { ProgrammingError } from '../../errors/tree.ts'
import type { CopyOutStartRequest } from '../operations.ts'
import type { ByteSink } from '../row-sink.ts'
import { refuseCopyIn, skipToReady, writeCopyGuard } from './copy-misuse.ts'
import { expect, unexpected, writeQueries, type Exchange, type Link } from './exchange.ts'
import { writeQuery } from './frontend.ts'
import {
  COMMAND_COMPLETE,
  COPY_DONE,
  COPY_IN_RESPONSE,
  COPY_OUT_RESPONSE,
  EMPTY_QUERY_RESPONSE,
  READY_FOR_QUERY,
  ROW_DESCRIPTION,
} from './tags.ts'

/** Takes the payloads. `started` is called before the first one, and `completed` after the last one. */
export interface CopyOutSink extends ByteSink {
  started(columnFormats: readonly number[]): void
  /** The server is ready again. */
  completed(tag: string): void
}

export function* copyOut(link: Link, request: CopyOutStartRequest, sink: CopyOutSink): Exchange<void> {
  yield* writeQueries(link, request, () => {
    writeQuery(link.out, request.sql)
    if (link.needsCopyGuard) writeCopyGuard(link.out)
  })
  yield* expectCopyOut(link)
  sink.started(readColumnFormats(link.body))
  link.data = sink
  yield
  expect(link, COPY_DONE, 'COPY')
  link.data = null
  yield
  expect(link, COMMAND_COMPLETE, 'COPY')
  const tag = link.commandTag()
  yield
  // A statement behind the COPY in the same string has run, and its results were dropped. The user has to know that.
  if (link.tag !== READY_FOR_QUERY) {
    yield* skipToReady(link)
    throw new ProgrammingError('COPY ... TO STDOUT was followed by another statement; give COPY a call of its own')
  }
  sink.completed(tag)
}

function* expectCopyOut(link: Link): Exchange<void> {
  yield
  switch (link.tag) {
    case COPY_OUT_RESPONSE:
      return
    case COPY_IN_RESPONSE:
      return yield* refuseCopyIn(link, link.needsCopyGuard ? 'guard' : 'nothing')
    case COMMAND_COMPLETE:
    case EMPTY_QUERY_RESPONSE:
    case ROW_DESCRIPTION:
      yield* skipToReady(link)
      throw new ProgrammingError('the statement is not COPY ... TO STDOUT: the server ran it, and it sends no data')
    default:
      throw unexpected(link, 'COPY')
  }
}

/** Reads a CopyOutResponse: the overall format, then the format of each column. */
function readColumnFormats(body: ByteReader): number[] {
  body.skip(1)
  const count = body.uint16()
  const formats: number[] = []
  for (let i = 0; i < count; i++) formats.push(body.uint16())
  return formats
}
