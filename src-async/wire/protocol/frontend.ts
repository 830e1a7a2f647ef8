/**
 * Writes the client's messages, and the requests that consist of several. Each function only appends to a `ByteWriter`. Values
 * that the protocol cannot carry (a NUL in a string, a message over 1 GiB) are refused here, before a byte is sent. The
 * exchanges read the answers: in the blocking API the thread of the program may write a request, while the worker reads the
 * answer. So this file imports no code that can wait.
 * Source of truth: PostgreSQL manual, "Message Formats".
 */
import { ByteWriter } from '../../bytes/byte-writer.ts'
import { DataError, InternalError, ProgrammingError } from '../../errors/tree.ts'
import { RELEASE_GUARD, guardKind } from '../guard.ts'
import type { ExecuteRequest, Flight, ParseSpec, SimpleQueryRequest } from '../operations.ts'
import {
  BIND,
  CANCEL_REQUEST_CODE,
  CLOSE,
  COPY_DATA,
  COPY_DONE,
  COPY_FAIL,
  DESCRIBE,
  EXECUTE,
  MAX_MESSAGE_BYTES,
  PARSE,
  PASSWORD,
  PORTAL,
  QUERY,
  SSL_REQUEST_CODE,
  STATEMENT,
  SYNC,
  TERMINATE,
} from './tags.ts'

const NO_TYPES: readonly number[] = []
/** A Bind body without parameter formats, parameters and result formats. */
const EMPTY_BIND = new Uint8Array(6)
const RELEASE_PORTAL = 'syncpg_release'

/** Payload bytes per CopyData message: so large that the header costs nearly nothing, and small enough for any proxy. */
const COPY_DATA_BYTES = 1 << 18

/** @param version a protocol version of `tags.ts` */
export function writeStartup(out: ByteWriter, version: number, parameters: Iterable<readonly [string, string]>): void {
  const length = out.reserveInt32()
  out.int32(version)
  for (const [name, value] of parameters) {
    text(out, name, 'a startup parameter name')
    text(out, value, `startup parameter "${name}"`)
  }
  out.uint8(0)
  finish(out, length)
}

export function writeSslRequest(out: ByteWriter): void {
  out.int32(8).int32(SSL_REQUEST_CODE)
}

export function writeCancelRequest(out: ByteWriter, backendPid: number, secret: Uint8Array): void {
  out
    .int32(12 + secret.length)
    .int32(CANCEL_REQUEST_CODE)
    .int32(backendPid)
    .bytes(secret)
}

/** Writes a PasswordMessage: a clear or an MD5-hashed password. */
export function writePassword(out: ByteWriter, password: string): void {
  const length = begin(out, PASSWORD)
  text(out, password, 'the password')
  finish(out, length)
}

export function writeSaslInitialResponse(out: ByteWriter, mechanism: string, response: string): void {
  const length = begin(out, PASSWORD)
  out.cstring(mechanism)
  const responseLength = out.reserveInt32()
  out.utf8(response).patchLength(responseLength)
  finish(out, length)
}

export function writeSaslResponse(out: ByteWriter, response: string): void {
  const length = begin(out, PASSWORD)
  out.utf8(response)
  finish(out, length)
}

/** Writes a GSSResponse: a token of the security mechanism. */
export function writeGssResponse(out: ByteWriter, token: Uint8Array): void {
  const length = begin(out, PASSWORD)
  out.bytes(token)
  finish(out, length)
}

export function writeParse(out: ByteWriter, name: string, spec: ParseSpec): void {
  const length = begin(out, PARSE)
  text(out, name, 'a statement name')
  text(out, spec.sql, 'the SQL text')
  out.int16(spec.parameterTypes.length)
  for (const oid of spec.parameterTypes) out.uint32(oid)
  finish(out, length)
}

/** Writes a Bind. Its body after the two names comes from `source`. Without `portal` it uses the unnamed portal. */
export function writeBind(
  out: ByteWriter,
  name: string,
  source: Uint8Array,
  start: number,
  end: number,
  portal = '',
): void {
  const length = begin(out, BIND)
  if (portal === '') out.uint8(0)
  else text(out, portal, 'a portal name')
  text(out, name, 'a statement name')
  out.bytes(start === 0 && end === source.length ? source : source.subarray(start, end))
  finish(out, length)
}

export function writeExecute(out: ByteWriter, rowLimit: number, portal = ''): void {
  if (portal === '') {
    out.uint8(EXECUTE).int32(9).uint8(0).int32(rowLimit)
    return
  }
  const length = begin(out, EXECUTE)
  text(out, portal, 'a portal name')
  out.int32(rowLimit)
  finish(out, length)
}

/** Makes the two names of a Bind (the unnamed portal and a statement) for `writeBindAndExecute`. */
export function bindNames(name: string): Uint8Array {
  const names = new ByteWriter(2 + name.length)
  names.uint8(0)
  text(names, name, 'a statement name')
  return names.take()
}

/** Type byte, length, portal, row limit. */
const EXECUTE_BYTES = 10
/** Up to about this many bytes a loop is faster than a call of `set`. */
const SHORT_BYTES = 96

/**
 * Writes an element of a batch: a Bind and an Execute without a limit, both of the unnamed portal. A batch calls it once per
 * element, so it allocates nothing while the writer has room and the body is short.
 */
export function writeBindAndExecute(
  out: ByteWriter,
  names: Uint8Array,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  const length = 4 + names.length + end - start
  requireLength(length)
  out.ensure(1 + length + EXECUTE_BYTES)
  const { buffer, dataView } = out
  let at = out.length
  buffer[at] = BIND
  dataView.setInt32(at + 1, length)
  at += 5
  for (let i = 0; i < names.length; i++) buffer[at++] = names[i]!
  if (end - start <= SHORT_BYTES) {
    for (let i = start; i < end; i++) buffer[at++] = source[i]!
  } else {
    buffer.set(source.subarray(start, end), at)
    at += end - start
  }
  buffer[at] = EXECUTE
  dataView.setInt32(at + 1, EXECUTE_BYTES - 1)
  buffer[at + 5] = 0
  dataView.setInt32(at + 6, 0)
  out.length = at + EXECUTE_BYTES
}

export function writeDescribeStatement(out: ByteWriter, name: string): void {
  const length = begin(out, DESCRIBE)
  out.uint8(STATEMENT)
  text(out, name, 'a statement name')
  finish(out, length)
}

/** Asks for the columns of the unnamed portal. */
export function writeDescribePortal(out: ByteWriter): void {
  out.uint8(DESCRIBE).int32(6).uint8(PORTAL).uint8(0)
}

export function writeCloseStatement(out: ByteWriter, name: string): void {
  const length = begin(out, CLOSE)
  out.uint8(STATEMENT)
  text(out, name, 'a statement name')
  finish(out, length)
}

export function writeClosePortal(out: ByteWriter, portal: string): void {
  const length = begin(out, CLOSE)
  out.uint8(PORTAL)
  text(out, portal, 'a portal name')
  finish(out, length)
}

export function writeSync(out: ByteWriter): void {
  out.uint8(SYNC).int32(4)
}

export function writeQuery(out: ByteWriter, sql: string): void {
  const length = begin(out, QUERY)
  text(out, sql, 'the SQL text')
  finish(out, length)
}

/** Writes as many CopyData messages as the bytes need. To the server it makes no difference where they are cut. */
export function writeCopyData(out: ByteWriter, bytes: Uint8Array): void {
  for (let start = 0; start < bytes.length; start += COPY_DATA_BYTES) {
    const part = bytes.subarray(start, start + COPY_DATA_BYTES)
    out
      .uint8(COPY_DATA)
      .int32(4 + part.length)
      .bytes(part)
  }
}

export function writeCopyDone(out: ByteWriter): void {
  out.uint8(COPY_DONE).int32(4)
}

export function writeCopyFail(out: ByteWriter, reason: string): void {
  const length = begin(out, COPY_FAIL)
  // The reason is only shown to people, so a NUL in it is replaced and not refused.
  out.cstring(reason.replaceAll('\0', ' '))
  finish(out, length)
}

export function writeTerminate(out: ByteWriter): void {
  out.uint8(TERMINATE).int32(4)
}

/**
 * Writes the first part of a flight (all messages up to one Sync): the statements to close, then BEGIN as the unnamed
 * statement. The only Sync is at the end, so the server skips the rest when BEGIN fails.
 */
export function writePrelude(out: ByteWriter, flight: Flight): void {
  for (const name of flight.closing) writeCloseStatement(out, name)
  if (flight.begin !== null) writeCommand(out, flight.begin)
}

export function hasPrelude(flight: Flight): boolean {
  return flight.begin !== null || flight.closing.length > 0
}

/** Writes an `execute` without its Sync. @param portal the portal's name; the unnamed portal ends at the Sync. */
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

/** Writes all messages of an `execute`, with the Sync. */
export function writeExecuteFlight(out: ByteWriter, request: ExecuteRequest): void {
  writeExecution(out, request)
  writeSync(out)
}

/** Writes all messages of a `simpleQuery` without a BEGIN. With a BEGIN it would need two round trips. */
export function writeQueryFlight(out: ByteWriter, request: SimpleQueryRequest): void {
  for (const name of request.closing) writeCloseStatement(out, name)
  writeQuery(out, request.sql)
}

/**
 * Checks that a request with a BEGIN parses its unnamed statement again, because the BEGIN replaces the unnamed
 * statement.
 */
export function requireParse(request: Pick<ExecuteRequest, 'name' | 'parse' | 'begin'>): void {
  if (request.begin !== null && request.name === '' && request.parse === null) {
    throw new InternalError('bug: the unnamed statement was to be executed after BEGIN without being parsed again')
  }
}

function begin(out: ByteWriter, tag: number): number {
  out.uint8(tag)
  return out.reserveInt32()
}

function finish(out: ByteWriter, lengthOffset: number): void {
  const length = out.length - lengthOffset
  requireLength(length)
  out.patchInt32(lengthOffset, length)
}

function requireLength(length: number): void {
  if (length > MAX_MESSAGE_BYTES) {
    throw new DataError(`a message of ${length} bytes is more than the protocol's limit of 1 GiB; send it in parts`)
  }
}

function text(out: ByteWriter, value: string, what: string): void {
  const nul = value.indexOf('\0')
  if (nul >= 0) {
    throw new ProgrammingError(`${what} contains a NUL character at index ${nul}; PostgreSQL text cannot hold one`)
  }
  if (!value.isWellFormed())
    throw new ProgrammingError(`${what} contains half a surrogate pair, which has no UTF-8 form`)
  out.cstring(value)
}
