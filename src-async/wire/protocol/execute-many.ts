/**
 * Many Bind and Execute under one Sync: all or nothing. The answers are counted, so a failure knows its element; tags are
 * summed from their bytes and only the last becomes a string.
 */
import { amend, DbError, InternalError } from '../../errors/tree.ts'
import type { ByteWriter } from '../../bytes/byte-writer.ts'
import type { ExecuteManyReply, ExecuteManyRequest } from '../operations.ts'
import type { ResultSink } from '../row-sink.ts'
import { readAffectedRows } from './backend.ts'
import { refuseCopyIn, refuseCopyOut, writeCopyGuard } from './copy-misuse.ts'
import { expect, hasPrelude, readPrelude, unexpected, writePrelude, type Exchange, type Link } from './exchange.ts'
import { requireParse } from './execute.ts'
import { writeBind, writeExecute, writeParse, writeSync } from './frontend.ts'
import {
  BIND_COMPLETE,
  COMMAND_COMPLETE,
  COPY_IN_RESPONSE,
  COPY_OUT_RESPONSE,
  EMPTY_QUERY_RESPONSE,
  PARSE_COMPLETE,
  READY_FOR_QUERY,
} from './tags.ts'

export function* executeMany(link: Link, request: ExecuteManyRequest): Exchange<ExecuteManyReply> {
  const { parse, count } = request
  requireParse(request)
  writePrelude(link.out, request)
  if (parse !== null) writeParse(link.out, request.name, parse)
  writeElements(link.out, request)
  writeSync(link.out)

  if (hasPrelude(request)) yield* readPrelude(link, request)
  if (parse !== null) {
    yield
    expect(link, PARSE_COMPLETE, 'Parse')
  }
  const reply = { affectedRows: count === 0 ? 0 : -1, tag: '' }
  let index = 0
  try {
    for (; index < count; index++) yield* readElement(link, request, index, reply)
  } catch (error) {
    // The server's error only: a broken protocol is nobody's element.
    if (error instanceof DbError && error.sqlstate !== null) amend(error, { batchIndex: index })
    throw error
  }
  yield
  expect(link, READY_FOR_QUERY, 'executeMany')
  return reply
}

function writeElements(out: ByteWriter, request: ExecuteManyRequest): void {
  const { binds, count, name } = request
  const view = new DataView(binds.buffer, binds.byteOffset, binds.byteLength)
  let position = 0
  for (let i = 0; i < count; i++) {
    const start = position + 4
    const end = start <= binds.length ? start + view.getInt32(position) : -1
    if (end < start || end > binds.length) {
      throw new InternalError(`bug: executeMany was given ${count} binds, and number ${i} does not lie in its bytes`)
    }
    writeBind(out, name, binds, start, end)
    writeExecute(out, 0)
    // A COPY would take the next Bind for data and end the connection. It has no parameters, and what has some is none.
    if (i === 0 && hasNoParameters(view, start, end)) writeCopyGuard(out)
    position = end
  }
}

/** Looks at a bind body: the count of parameter formats, the formats, the count of parameters. */
function hasNoParameters(view: DataView, start: number, end: number): boolean {
  if (end - start < 4) return false
  const countAt = start + 2 + 2 * view.getUint16(start)
  return countAt + 2 <= end && view.getUint16(countAt) === 0
}

function* readElement(
  link: Link,
  request: ExecuteManyRequest,
  index: number,
  reply: { affectedRows: number; tag: string },
): Exchange<void> {
  yield
  expect(link, BIND_COMPLETE, 'Bind')
  link.rows = request.rows
  yield
  link.rows = null
  switch (link.tag) {
    case COMMAND_COMPLETE: {
      const rows = readAffectedRows(link.body)
      if (rows >= 0) reply.affectedRows = Math.max(reply.affectedRows, 0) + rows
      if (index === request.count - 1 || request.marksElements === true) reply.tag = link.commandTag()
      if (request.marksElements === true) (request.rows as ResultSink).complete(null, reply.tag)
      return
    }
    case EMPTY_QUERY_RESPONSE:
      return
    case COPY_IN_RESPONSE:
      return yield* refuseCopyIn(link, 'guard')
    case COPY_OUT_RESPONSE:
      return yield* refuseCopyOut(link)
    default:
      throw unexpected(link, 'Execute')
  }
}
