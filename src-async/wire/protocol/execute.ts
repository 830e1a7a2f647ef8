/**
 * Bind, Execute, Sync: the hot path. Allocates the reply and little else; rows go past it to the request's sink.
 */
import { InternalError } from '../../errors/tree.ts'
import type { ExecuteReply, ExecuteRequest } from '../operations.ts'
import { refuseCopyIn, refuseCopyOut, writeCopyGuard } from './copy-misuse.ts'
import { expect, hasPrelude, readPrelude, unexpected, writePrelude, type Exchange, type Link } from './exchange.ts'
import { writeBind, writeExecute, writeParse, writeSync } from './frontend.ts'
import {
  BIND_COMPLETE,
  COMMAND_COMPLETE,
  COPY_IN_RESPONSE,
  COPY_OUT_RESPONSE,
  EMPTY_QUERY_RESPONSE,
  PARSE_COMPLETE,
  PORTAL_SUSPENDED,
  READY_FOR_QUERY,
} from './tags.ts'

/** @param portal what to name the portal; the unnamed one ends with the flight. */
export function* execute(link: Link, request: ExecuteRequest, portal = ''): Exchange<ExecuteReply> {
  const { out } = link
  const { name, parse, bind } = request
  const isPreluded = hasPrelude(request)
  if (isPreluded) {
    requireParse(request)
    writePrelude(out, request)
  }
  if (parse !== null) writeParse(out, name, parse)
  writeBind(out, name, bind, 0, bind.length, portal)
  writeExecute(out, request.rowLimit, portal)
  if (link.needsCopyGuard) writeCopyGuard(out)
  writeSync(out)

  if (isPreluded) yield* readPrelude(link, request)
  if (parse !== null) {
    yield
    expect(link, PARSE_COMPLETE, 'Parse')
  }
  yield
  expect(link, BIND_COMPLETE, 'Bind')
  link.rows = request.rows
  yield
  link.rows = null
  if (link.tag === COPY_IN_RESPONSE) return yield* refuseCopyIn(link, link.needsCopyGuard ? 'guard' : 'sync')
  if (link.tag === COPY_OUT_RESPONSE) return yield* refuseCopyOut(link)
  const tag = executeTag(link)
  yield
  expect(link, READY_FOR_QUERY, 'Execute')
  return { tag }
}

/** What the end of an Execute says: the command tag, `''` of an empty query, null when there are more rows. */
export function executeTag(link: Link): string | null {
  switch (link.tag) {
    case COMMAND_COMPLETE:
      return link.commandTag()
    case PORTAL_SUSPENDED:
      return null
    case EMPTY_QUERY_RESPONSE:
      return ''
    default:
      throw unexpected(link, 'Execute')
  }
}

/** BEGIN travels as the unnamed statement, so an unnamed statement parsed earlier would be gone. */
export function requireParse(request: Pick<ExecuteRequest, 'name' | 'parse' | 'begin'>): void {
  if (request.begin !== null && request.name === '' && request.parse === null) {
    throw new InternalError('bug: the unnamed statement was to be executed after BEGIN without being parsed again')
  }
}
