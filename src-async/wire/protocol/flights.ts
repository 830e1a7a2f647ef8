/**
 * The bytes of whole requests, apart from the exchanges that await their answers: in the blocking API the thread that
 * asks may write them to the server itself, and the worker only hears the answers. Imports nothing that can wait.
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
/** No parameter formats, no parameters, no result formats. */
const EMPTY_BIND = new Uint8Array(6)
const RELEASE_PORTAL = 'syncpg_release'

/**
 * Writes what goes first in a flight of the extended protocol: statements to close, then BEGIN as the unnamed
 * statement. All of it shares the flight's one Sync, so when BEGIN fails the server skips the rest.
 */
export function writePrelude(out: ByteWriter, flight: Flight): void {
  for (const name of flight.closing) writeCloseStatement(out, name)
  if (flight.begin !== null) writeCommand(out, flight.begin)
}

export function hasPrelude(flight: Flight): boolean {
  return flight.begin !== null || flight.closing.length > 0
}

/** Everything of an `execute` but its Sync. @param portal what to name the portal; the unnamed one ends with the flight. */
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

/** Ends the savepoint after the statement, before the Sync: one that failed never comes to it. */
export function writeReleaseOfRun(out: ByteWriter): void {
  writeCommand(out, RELEASE_GUARD)
}

/**
 * Ends the savepoint between Bind and Execute. The statement's portal is the unnamed one, so the command has one with a
 * name, which is closed for the next time.
 */
export function writeReleaseOfBind(out: ByteWriter): void {
  writeCommand(out, RELEASE_GUARD, RELEASE_PORTAL)
  writeClosePortal(out, RELEASE_PORTAL)
}

/** A command as the unnamed statement. */
function writeCommand(out: ByteWriter, sql: string, portal = ''): void {
  writeParse(out, '', { sql, parameterTypes: NO_TYPES })
  writeBind(out, '', EMPTY_BIND, 0, EMPTY_BIND.length, portal)
  writeExecute(out, 0, portal)
}

/** The flight of an `execute`. */
export function writeExecuteFlight(out: ByteWriter, request: ExecuteRequest): void {
  writeExecution(out, request)
  writeSync(out)
}

/** The flight of a `simpleQuery` that begins no transaction: with a BEGIN before it, it is two. */
export function writeQueryFlight(out: ByteWriter, request: SimpleQueryRequest): void {
  for (const name of request.closing) writeCloseStatement(out, name)
  writeQuery(out, request.sql)
}

/** BEGIN travels as the unnamed statement, so an unnamed statement parsed earlier would be gone. */
export function requireParse(request: Pick<ExecuteRequest, 'name' | 'parse' | 'begin'>): void {
  if (request.begin !== null && request.name === '' && request.parse === null) {
    throw new InternalError('bug: the unnamed statement was to be executed after BEGIN without being parsed again')
  }
}
