/**
 * Named portals. One round trip opens a portal and fetches its first rows. Each further Execute fetches more rows.
 * The answer to an Execute begins with the rows themselves, so the conversation must know their sink when the
 * exchange starts.
 */
import { InternalError } from '../../errors/tree.ts'
import type {
  CloseStatementsRequest,
  ClosePortalRequest,
  ExecuteReply,
  FetchPortalRequest,
  Nothing,
} from '../operations.ts'
import { execute, executeTag } from './execute.ts'
import { expect, readPrelude, type Exchange, type Link } from './exchange.ts'
import { hasPrelude, writeClosePortal, writeCloseStatement, writeExecute, writePrelude, writeSync } from './frontend.ts'
import { CLOSE_COMPLETE, READY_FOR_QUERY } from './tags.ts'

const NOTHING: Nothing = Object.freeze({})

export function fetchPortal(link: Link, request: FetchPortalRequest): Exchange<ExecuteReply> {
  const { open, portal } = request
  if (open === null) return readOn(link, request)
  // The unnamed portal ends at the Sync, so only the first fetch would give rows.
  if (portal === '') throw new InternalError('bug: fetchPortal was asked to open a portal without a name')
  const { rowLimit, rows, begin, closing, timeoutMs } = request
  // The fields are written out, because a spread would make a new hidden class at every call.
  const { name, parse, bind } = open
  return execute(link, { name, parse, bind, rowLimit, rows, begin, closing, timeoutMs }, portal)
}

/**
 * Fetches the next rows of an open portal, after a savepoint. Start it with `request.rows` as `firstRows`.
 * @param release SQL that ends the last savepoint; null when there is none
 */
export function* fetchAhead(
  link: Link,
  request: FetchPortalRequest,
  savepoint: string,
  release: string | null,
): Exchange<ExecuteReply> {
  const preludes = [release, savepoint].map((begin) => ({ begin, closing: [], timeoutMs: 0 }))
  for (const prelude of preludes) writePrelude(link.out, prelude)
  writeExecute(link.out, request.rowLimit, request.portal)
  writeSync(link.out)
  for (const prelude of preludes) yield* readPrelude(link, prelude)
  yield
  link.rows = null
  const tag = executeTag(link)
  yield
  expect(link, READY_FOR_QUERY, 'Execute')
  return { tag }
}

/** Fetches the next rows of an open portal. Start it with `request.rows` as `firstRows`. */
function* readOn(link: Link, request: FetchPortalRequest): Exchange<ExecuteReply> {
  const { out } = link
  writePrelude(out, request)
  writeExecute(out, request.rowLimit, request.portal)
  writeSync(out)
  if (hasPrelude(request)) yield* readPrelude(link, request)
  yield
  link.rows = null
  const tag = executeTag(link)
  yield
  expect(link, READY_FOR_QUERY, 'Execute')
  return { tag }
}

/** Closes a portal. It is no error if the portal does not exist. */
export function* closePortal(link: Link, request: ClosePortalRequest): Exchange<Nothing> {
  writeClosePortal(link.out, request.portal)
  writeSync(link.out)
  yield
  expect(link, CLOSE_COMPLETE, 'Close')
  yield
  expect(link, READY_FOR_QUERY, 'Close')
  return NOTHING
}

export function* closeStatements(link: Link, request: CloseStatementsRequest): Exchange<Nothing> {
  for (const name of request.names) writeCloseStatement(link.out, name)
  writeSync(link.out)
  for (let i = 0; i < request.names.length; i++) {
    yield
    expect(link, CLOSE_COMPLETE, 'Close')
  }
  yield
  expect(link, READY_FOR_QUERY, 'Close')
  return NOTHING
}
