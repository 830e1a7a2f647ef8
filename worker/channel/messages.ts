/**
 * Requests and replies as bytes. `execute` is the frequent one, so its code is written by hand. Other requests are a JSON
 * head and a payload of bytes. Sinks stay on the caller's thread: rows come back as records of the ring.
 */
import type { ByteReader } from '../../src-async/bytes/byte-reader.ts'
import type { ByteWriter } from '../../src-async/bytes/byte-writer.ts'
import type { Failure } from '../../src-async/errors/failure.ts'
import type { SessionOptions } from '../../src-async/options/session-options.ts'
import type {
  ExecuteReply,
  ExecuteRequest,
  Notification,
  OperationName,
  ParseSpec,
  RequestOf,
  ServerMessageFields,
} from '../../src-async/wire/operations.ts'
import type { ResultSink, RowSink } from '../../src-async/wire/row-sink.ts'

/** All requests: the operations of a session, and the one that opens the session. */
export type RequestName = OperationName | 'open'

/** The code of each request. A request without a code does not compile. */
const CODES: Readonly<Record<RequestName, number>> = {
  open: 0,
  execute: 1,
  describe: 2,
  executeMany: 3,
  simpleQuery: 4,
  copyInStart: 5,
  copyInData: 6,
  copyInEnd: 7,
  fetchPortal: 8,
  closePortal: 9,
  closeStatements: 10,
  copyOutStart: 11,
  copyOutRead: 12,
  copyOutEnd: 13,
  awaitNotification: 14,
  cancel: 15,
  close: 16,
}
const NAMES = new Map(Object.entries(CODES).map(([name, code]) => [code, name as RequestName]))

export interface OpenReply {
  readonly backendPid: number
  readonly parameters: readonly (readonly [string, string])[]
  readonly canCancel: boolean
}

/** A message that no request asked for. */
export type SessionEvent =
  | { readonly kind: 'notice'; readonly fields: ServerMessageFields }
  | { readonly kind: 'notification'; readonly notification: Notification }
  | { readonly kind: 'parameter'; readonly name: string; readonly value: string }
  /** The session was lost. `isReported` says that a request has already failed with this loss. */
  | { readonly kind: 'closed'; readonly failure: Failure; readonly isReported: boolean }

const HAS_HEAD = 1
/** The code for a request without `graceMs`. */
const NO_GRACE = -1

/** Writes a request. The caller clears the writer before. */
export function writeRequest<N extends OperationName>(out: ByteWriter, name: N, request: RequestOf<N>): void {
  out.uint8(CODES[name])
  if (name === 'execute') writeExecute(out, request as ExecuteRequest)
  else writeOther(out, request)
}

export function writeOpen(out: ByteWriter, options: SessionOptions): void {
  out.uint8(CODES.open)
  writeHead(out, options)
}

function writeExecute(out: ByteWriter, request: ExecuteRequest): void {
  const { name, rowLimit, timeoutMs, graceMs = NO_GRACE, parse, begin, closing, describes, bind } = request
  const hasHead = parse !== null || begin !== null || closing.length > 0
  out
    .cstring(name)
    .int32(rowLimit)
    .int32(timeoutMs)
    .int32(graceMs)
    .uint8(hasHead ? HAS_HEAD : 0)
  if (hasHead) writeHead(out, { begin, closing, parse: plainParse(parse), describes })
  out.bytes(bind)
}

/** The fields of a request that are sinks (receivers of rows). They stay on this thread. */
const SINKS = new Set(['rows', 'results', 'data'])

function writeOther(out: ByteWriter, request: object): void {
  const head: Record<string, unknown> = {}
  let payload: Uint8Array | null = null
  for (const [key, value] of Object.entries(request)) {
    if (value instanceof Uint8Array) payload = value
    else if (key === 'parse') head[key] = plainParse(value)
    else if (key === 'open' && value !== null) {
      head[key] = { name: value.name, parse: plainParse(value.parse) }
      payload = value.bind
    } else if (!SINKS.has(key)) head[key] = value
  }
  writeHead(out, head)
  if (payload !== null) out.bytes(payload)
}

/** Flows give a whole `Statement` as the ParseSpec. Only these two fields go to the worker. */
function plainParse(parse: ParseSpec | null): ParseSpec | null {
  return parse && { sql: parse.sql, parameterTypes: parse.parameterTypes }
}

function writeHead(out: ByteWriter, head: unknown): void {
  const length = out.reserveInt32()
  out.utf8(JSON.stringify(head)).patchLength(length)
}

/** Reads the name of the request that begins at the reader's position. */
export function readRequestName(input: ByteReader): RequestName {
  const name = NAMES.get(input.uint8())
  if (name === undefined) throw new RangeError('bug: unknown request')
  return name
}

/** Reads an `execute` after its name. `bind` is a view of the reader's bytes, not a copy. */
export function readExecute(input: ByteReader, rows: RowSink): ExecuteRequest {
  const name = input.cstring()
  const rowLimit = input.int32()
  const timeoutMs = input.int32()
  const graceMs = input.int32()
  const head = input.uint8() === HAS_HEAD ? (readHead(input) as ExecuteHead) : EMPTY_HEAD
  const { begin, closing, parse, describes } = head
  const request = { name, rowLimit, timeoutMs, begin, closing, parse, describes, bind: readPayload(input), rows }
  return graceMs === NO_GRACE ? request : { ...request, graceMs }
}

type ExecuteHead = Pick<ExecuteRequest, 'begin' | 'closing' | 'parse' | 'describes'>

const EMPTY_HEAD: ExecuteHead = { begin: null, closing: [], parse: null, describes: undefined }

/** Reads any other operation after its name. Its byte fields are views of the reader's bytes, not copies. */
export function readOther<N extends OperationName>(input: ByteReader, _name: N, sink: ResultSink): RequestOf<N> {
  const head = readHead(input) as Record<string, unknown>
  const payload = readPayload(input)
  const { open } = head
  if (open !== null && typeof open === 'object') head['open'] = { ...open, bind: payload }
  // An operation reads only its own fields, so it does no harm to set all of them.
  return Object.assign(head, { bytes: payload, binds: payload, rows: sink, results: sink, data: sink }) as RequestOf<N>
}

export function readOpen(input: ByteReader): SessionOptions {
  return readHead(input) as SessionOptions
}

function readHead(input: ByteReader): object {
  return JSON.parse(input.utf8(input.int32())) as object
}

function readPayload(input: ByteReader): Uint8Array {
  return input.bytes.subarray(input.position, input.end)
}

/** Writes the reply to `execute`: a 1 when the portal was suspended, otherwise a 0 and the command tag. */
export function writeExecuteReply(out: ByteWriter, reply: ExecuteReply): void {
  if (reply.tag === null) out.uint8(1)
  else out.uint8(0).utf8(reply.tag)
}

export function readExecuteReply(bytes: Buffer, start: number, end: number): ExecuteReply {
  return { tag: bytes[start] === 1 ? null : bytes.latin1Slice(start + 1, end) }
}

export function readJson(bytes: Buffer, start: number, end: number): unknown {
  return JSON.parse(bytes.utf8Slice(start, end))
}
