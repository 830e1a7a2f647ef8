/**
 * Named portals: opened with their first rows in one flight, read on with Execute alone, closed. An open portal sends its
 * rows without a word before them: the conversation knows from the start where they go.
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
import { hasPrelude, writePrelude } from './flights.ts'
import { writeClosePortal, writeCloseStatement, writeExecute, writeSync } from './frontend.ts'
import { CLOSE_COMPLETE, READY_FOR_QUERY } from './tags.ts'

const NOTHING: Nothing = Object.freeze({})

export function fetchPortal(link: Link, request: FetchPortalRequest): Exchange<ExecuteReply> {
  const { open, portal } = request
  if (open === null) return readOn(link, request)
  // An unnamed portal ends with its flight; whoever asks for it would get rows once and an error ever after.
  if (portal === '') throw new InternalError('bug: fetchPortal was asked to open a portal without a name')
  const { rowLimit, rows, begin, closing, timeoutMs } = request
  // Written out: a spread would make hidden classes at every call.
  const { name, parse, bind } = open
  return execute(link, { name, parse, bind, rowLimit, rows, begin, closing, timeoutMs }, portal)
}

/**
 * The next rows of an open portal, behind a savepoint. Start it with `request.rows`.
 * @param release SQL that ends the savepoint before it; null where there is none
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

/** Its first message may be a row: start it with `request.rows`. */
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

/** Closing a portal that is not there is no error, to the server either. */
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
