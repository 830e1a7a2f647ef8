/**
 * Writes whole requests as bytes. This code is apart from the exchanges that read the answers, because in the blocking API the
 * calling thread may write a request itself, while the worker reads the answer. It imports no code that can wait.
 */
import type { ByteWriter } from '../../bytes/byte-writer.ts'
import { InternalError } from '../../errors/tree.ts'
import { RELEASE_GUARD, guardKind } from '../guard.ts'
import type { ExecuteRequest, Flight, SimpleQueryRequest } from '../operations.ts'
import {
  writeBind,
  writeClosePortal,
  writeCloseStatement,
  writeDescribePortal,
  writeDescribeStatement,
  writeExecute,
  writeParse,
  writeQuery,
  writeSync,
} from './frontend.ts'

const NO_TYPES: readonly number[] = []
/** A Bind body without parameter formats, parameters and result formats. */
const EMPTY_BIND = new Uint8Array(6)
const RELEASE_PORTAL = 'syncpg_release'

/**
 * Writes the first part of a flight of the extended protocol: the statements to close, then BEGIN as the unnamed statement.
 * The flight has only one Sync, at its end, so the server skips the rest when BEGIN fails.
 */
export function writePrelude(out: ByteWriter, flight: Flight): void {
  for (const name of flight.closing) writeCloseStatement(out, name)
  if (flight.begin !== null) writeCommand(out, flight.begin)
}

export function hasPrelude(flight: Flight): boolean {
  return flight.begin !== null || flight.closing.length > 0
}

/** Writes an `execute` without its Sync. @param portal the portal's name; the unnamed portal ends with the flight. */
export function writeExecution(out: ByteWriter, request: ExecuteRequest, portal = ''): void {
  const { name, parse, bind, describes } = request
  if (hasPrelude(request)) {
    requireParse(request)
    writePrelude(out, request)
  }
  if (parse !== null) writeParse(out, name, parse)
  writeBind(out, name, bind, 0, bind.length, portal)
  if (describes === 'portal') writeDescribePortal(out)
  else if (describes === 'statement') writeDescribeStatement(out, name)
  const guard = guardKind(request.begin)
  if (guard === 'bind') writeReleaseOfBind(out)
  writeExecute(out, request.rowLimit, portal)
  if (guard === 'run') writeReleaseOfRun(out)
}

/** Writes the end of a savepoint after the statement and before the Sync. The server skips it when the statement fails. */
export function writeReleaseOfRun(out: ByteWriter): void {
  writeCommand(out, RELEASE_GUARD)
}

/**
 * Writes the end of a savepoint between Bind and Execute. The statement uses the unnamed portal, so this command uses a named
 * one and closes it, so that the name is free the next time.
 */
export function writeReleaseOfBind(out: ByteWriter): void {
  writeCommand(out, RELEASE_GUARD, RELEASE_PORTAL)
  writeClosePortal(out, RELEASE_PORTAL)
}

/** Writes a command as the unnamed statement. */
function writeCommand(out: ByteWriter, sql: string, portal = ''): void {
  writeParse(out, '', { sql, parameterTypes: NO_TYPES })
  writeBind(out, '', EMPTY_BIND, 0, EMPTY_BIND.length, portal)
  writeExecute(out, 0, portal)
}

/** Writes the flight of an `execute`. */
export function writeExecuteFlight(out: ByteWriter, request: ExecuteRequest): void {
  writeExecution(out, request)
  writeSync(out)
}

/** Writes the flight of a `simpleQuery` without a BEGIN. With a BEGIN it would be two flights. */
export function writeQueryFlight(out: ByteWriter, request: SimpleQueryRequest): void {
  for (const name of request.closing) writeCloseStatement(out, name)
  writeQuery(out, request.sql)
}

/** Checks that the unnamed statement is parsed again after a BEGIN, which is sent as the unnamed statement and replaces it. */
export function requireParse(request: Pick<ExecuteRequest, 'name' | 'parse' | 'begin'>): void {
  if (request.begin !== null && request.name === '' && request.parse === null) {
    throw new InternalError('bug: the unnamed statement was to be executed after BEGIN without being parsed again')
  }
}
