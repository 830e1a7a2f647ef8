/**
 * The server's side of the protocol for unit tests. It builds messages as bytes and feeds a conversation with them,
 * whole or cut at a given place. It is written from the manual's "Message Formats", not from the code under test.
 */
import type {
  ExecuteRequest,
  Flight,
  Notification,
  ServerMessageFields,
  SessionEvents,
} from '../../../src-async/wire/operations.ts'
import { Conversation } from '../../../src-async/wire/protocol/conversation.ts'
import type { Exchange, Link } from '../../../src-async/wire/protocol/exchange.ts'
import type { Column, ResultSink, RowSink } from '../../../src-async/wire/row-sink.ts'

export function message(letter: string, ...parts: readonly (Uint8Array | string | number)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'number' ? int32(part) : bytesOf(part))))
  return Buffer.concat([Buffer.from(letter, 'latin1'), int32(body.length + 4), body])
}

function bytesOf(part: Uint8Array | string): Uint8Array {
  return typeof part === 'string' ? Buffer.from(part) : part
}

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

export const parseComplete = message('1')
export const bindComplete = message('2')
export const closeComplete = message('3')
export const noData = message('n')
export const emptyQuery = message('I')
export const portalSuspended = message('s')
export const copyInResponse = message('G', Buffer.from([0]), int16(0))
export const copyOutResponse = message('H', Buffer.from([0]), int16(0))
export const copyDone = message('c')

export const ready = (status: 'I' | 'T' | 'E' = 'I'): Buffer => message('Z', status)
export const complete = (tag: string): Buffer => message('C', `${tag}\0`)
export const row = (text: string): Buffer => message('D', int16(1), Buffer.byteLength(text), text)
export const copyData = (text: string): Buffer => message('d', text)
export const notification = (channel: string, payload: string): Buffer => message('A', 42, `${channel}\0${payload}\0`)
export const parameter = (name: string, value: string): Buffer => message('S', `${name}\0${value}\0`)
export const parameterDescription = (...oids: number[]): Buffer =>
  message('t', int16(oids.length), ...oids.map((oid) => int32(oid)))
export const rowDescription = (...names: string[]): Buffer =>
  message('T', int16(names.length), ...names.flatMap((name) => [`${name}\0`, 0, int16(0), 25, int16(-1), -1, int16(0)]))

export const error = (sqlstate: string, text: string, severity = 'ERROR'): Buffer =>
  message('E', `S${severity}\0V${severity}\0C${sqlstate}\0M${text}\0\0`)
export const notice = (text: string): Buffer => message('N', `SNOTICE\0VNOTICE\0C00000\0M${text}\0\0`)

/** AuthenticationOk, a key and the first ReadyForQuery. */
export const welcome = Buffer.concat([message('R', 0), message('K', 42, 'abcd'), ready()])

/** A sink that records what it gets, in order: the rows as hexadecimal text, and the ends of results. */
export class RecordingSink implements ResultSink {
  readonly log: string[] = []
  #run: string = ''

  take(bytes: Uint8Array, start: number, end: number): void {
    this.#run += Buffer.from(bytes.subarray(start, end)).toString('hex')
  }

  complete(columns: readonly Column[] | null, tag: string): void {
    this.log.push(`${columns?.map(({ name }) => name).join() ?? '-'} ${this.#run} ${tag}`)
    this.#run = ''
  }

  /** The rows since the last `complete`. */
  get rows(): string {
    return this.#run
  }
}

/** The fields of a request without a BEGIN, names to close or a time limit. */
export const plain: Flight = { begin: null, closing: [], timeoutMs: 0 }
/** A bind body without parameters. */
export const noBind = new Uint8Array(6)

export function executeRequest(rows: RecordingSink, more: Partial<ExecuteRequest> = {}): ExecuteRequest {
  return { ...plain, name: 's1', parse: null, bind: noBind, rowLimit: 0, rows, ...more }
}

export interface Outcome {
  /** How many callbacks were called: 1 when the exchange has ended. */
  endings: number
  reply?: unknown
  error?: unknown
}

/** A conversation after start-up that records the calls of its listener. */
export class Harness {
  readonly told: string[] = []
  readonly conversation: Conversation

  constructor(options: { readonly isFresh?: boolean; readonly sendsWholeFlights?: boolean } = {}) {
    const events: SessionEvents = {
      notice: (fields: ServerMessageFields) => this.told.push(`notice ${fields.message}`),
      notification: ({ channel, payload }: Notification) => this.told.push(`notification ${channel} ${payload}`),
      parameter: (name, value) => this.told.push(`parameter ${name} ${value}`),
    }
    this.conversation = new Conversation(events, options.sendsWholeFlights ?? false)
    if (options.isFresh !== true) {
      this.ask(greeting)
      this.hear(Buffer.concat([ready()]))
    }
  }

  /** Starts an exchange; the outcome fills when it ends. */
  ask<Reply>(make: (link: Link) => Exchange<Reply>, isExclusive = false, firstRows: RowSink | null = null): Outcome {
    const outcome: Outcome = { endings: 0 }
    this.conversation.start(
      make(this.conversation.link),
      isExclusive,
      (reply) => Object.assign(outcome, { reply, endings: outcome.endings + 1 }),
      (failure) => Object.assign(outcome, { error: failure, endings: outcome.endings + 1 }),
      firstRows,
    )
    return outcome
  }

  /** The messages written since the last call, as letters, without the text of a COPY or a query. */
  sent(): string {
    const bytes = this.conversation.takeOutgoing()
    let letters = ''
    for (let at = 0; at < bytes.length; at += 1 + bytes.readInt32BE(at + 1)) letters += String.fromCharCode(bytes[at]!)
    return letters
  }

  /** Feeds bytes, cut after each of `cuts`, through a buffer that is overwritten as a socket's is. */
  hear(bytes: Uint8Array, ...cuts: readonly number[]): unknown {
    let broken: unknown = null
    const window = Buffer.alloc(bytes.length)
    let start = 0
    for (const cut of [...cuts, bytes.length]) {
      window.fill(0xee)
      window.set(bytes.subarray(start, cut))
      broken = this.conversation.receive(window, 0, cut - start)
      start = cut
    }
    return broken
  }
}

function* greeting(): Exchange<void> {
  yield
}
