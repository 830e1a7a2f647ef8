/**
 * Bind, Execute, Sync. This code runs for most statements, so it allocates little more than the reply. Rows go directly to the
 * sink of the request.
 */
import { guardKind } from '../guard.ts'
import type { ExecuteReply, ExecuteRequest } from '../operations.ts'
import type { RowSink } from '../row-sink.ts'
import { readParameterDescription, readRowDescription } from './backend.ts'
import { refuseCopyIn, refuseCopyOut, writeCopyGuard } from './copy-misuse.ts'
import {
  expect,
  markNotStarted,
  readPrelude,
  readReleaseOfBind,
  readReleaseOfRun,
  unexpected,
  type Exchange,
  type Link,
} from './exchange.ts'
import { hasPrelude, writeExecution, writeSync } from './frontend.ts'
import {
  BIND_COMPLETE,
  COMMAND_COMPLETE,
  COPY_IN_RESPONSE,
  COPY_OUT_RESPONSE,
  EMPTY_QUERY_RESPONSE,
  NO_DATA,
  PARAMETER_DESCRIPTION,
  PARSE_COMPLETE,
  PORTAL_SUSPENDED,
  READY_FOR_QUERY,
  ROW_DESCRIPTION,
} from './tags.ts'

/** @param portal the portal's name; the unnamed portal ends at the Sync. */
export function* execute(link: Link, request: ExecuteRequest, portal = ''): Exchange<ExecuteReply> {
  const { out } = link
  writeExecution(out, request, portal)
  if (link.needsCopyGuard) writeCopyGuard(out)
  writeSync(out)

  try {
    if (hasPrelude(request)) yield* readPrelude(link, request)
    if (request.parse !== null) {
      yield
      expect(link, PARSE_COMPLETE, 'Parse')
    }
    yield
    expect(link, BIND_COMPLETE, 'Bind')
  } catch (error) {
    markNotStarted(error)
    throw error
  }
  if (request.describes !== undefined) yield* readDescription(link, request.rows)
  const guard = request.begin === null ? null : guardKind(request.begin)
  if (guard === 'bind') yield* readReleaseOfBind(link)
  link.rows = request.rows
  yield
  link.rows = null
  if (link.tag === COPY_IN_RESPONSE) return yield* refuseCopyIn(link, link.needsCopyGuard ? 'guard' : 'sync')
  if (link.tag === COPY_OUT_RESPONSE) return yield* refuseCopyOut(link)
  const tag = executeTag(link)
  if (guard === 'run') yield* readReleaseOfRun(link)
  yield
  expect(link, READY_FOR_QUERY, 'Execute')
  return { tag }
}

/** Reads the answer to the Describe between Bind and Execute, and passes it to the sink. */
function* readDescription(link: Link, rows: RowSink): Exchange<void> {
  yield
  let parameterTypes: readonly number[] | null = null
  if (link.tag === PARAMETER_DESCRIPTION) {
    parameterTypes = readParameterDescription(link.body)
    yield
  }
  if (link.tag !== NO_DATA && link.tag !== ROW_DESCRIPTION) throw unexpected(link, 'Describe')
  rows.describe?.({ parameterTypes, columns: link.tag === NO_DATA ? null : readRowDescription(link.body) })
}

/** Reads the end of an Execute: the command tag, `''` for an empty query, null when there are more rows. */
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
