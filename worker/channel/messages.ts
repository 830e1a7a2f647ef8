/**
 * Requests and replies as bytes. What is hot (`execute`) is written by hand; the rest is a JSON head and a payload of
 * bytes. Sinks do not cross: the rows of a request come back as records of the ring.
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

/** Everything that travels as a request: the operations, and the opening of the session they are asked of. */
export type RequestName = OperationName | 'open'

/** The code of each request. A request without one does not compile. */
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

/** What the server said unasked. */
export type SessionEvent =
  | { readonly kind: 'notice'; readonly fields: ServerMessageFields }
  | { readonly kind: 'notification'; readonly notification: Notification }
  | { readonly kind: 'parameter'; readonly name: string; readonly value: string }
  /** The session was lost. `isTold`: a request has failed by it. */
  | { readonly kind: 'closed'; readonly failure: Failure; readonly isTold: boolean }

const HAS_HEAD = 1
/** Stands for a `graceMs` that was not given. */
const NO_GRACE = -1

/** Writes a request; the writer is the caller's to clear. */
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

/** The parts of a request that do not cross as JSON: sinks stay here, bytes follow as the payload. */
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

/** A flow hands its `Statement` over as the spec; only two of its fields are meant. */
function plainParse(parse: ParseSpec | null): ParseSpec | null {
  return parse && { sql: parse.sql, parameterTypes: parse.parameterTypes }
}

function writeHead(out: ByteWriter, head: unknown): void {
  const length = out.reserveInt32()
  out.utf8(JSON.stringify(head)).patchLength(length)
}

/** Reads the name of the request the reader stands at. */
export function readRequestName(input: ByteReader): RequestName {
  const name = NAMES.get(input.uint8())
  if (name === undefined) throw new RangeError('bug: unknown request')
  return name
}

/** The rest of an `execute`; `bind` is a window on the reader's bytes. */
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

/** The rest of any other operation; what is bytes in it is a window on the reader's bytes. */
export function readOther<N extends OperationName>(input: ByteReader, _name: N, sink: ResultSink): RequestOf<N> {
  const head = readHead(input) as Record<string, unknown>
  const payload = readPayload(input)
  const { open } = head
  if (open !== null && typeof open === 'object') head['open'] = { ...open, bind: payload }
  // Each operation looks at its own fields only.
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

/** A reply to `execute`: 1 when the portal was suspended, else 0 and the tag. */
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
