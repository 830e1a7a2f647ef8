/**
 * The pending reply: the reply that the caller waits for. It takes the records of the ring. Each record carries the number of
 * its request, and records of other requests are dropped here.
 */
import type { Failure } from '../../src-async/errors/failure.ts'
import type { ByteSink, Column, Description, ResultSink, RowSink } from '../../src-async/wire/row-sink.ts'
import { RECORD, type RecordKind } from '../channel/layout.ts'
import { type RequestName, type SessionEvent, readExecuteReply, readJson } from '../channel/messages.ts'
import type { RecordHandler } from '../channel/ring.ts'

/** A sink that drops all rows and results. */
export const DROPPED: ResultSink = { take() {}, complete() {} }

export type Outcome = { readonly reply: unknown } | { readonly failure: Failure }

export class PendingReply implements RecordHandler {
  readonly #onEvent: (event: SessionEvent) => void
  #sink: ByteSink | ResultSink = DROPPED
  /** Number of the request whose reply is pending, 0 when none is. */
  id = 0
  name: RequestName = 'open'
  /** Null until the reply has come. */
  outcome: Outcome | null = null

  /** @param onEvent gets notices, notifications, parameters and the loss of the session */
  constructor(onEvent: (event: SessionEvent) => void) {
    this.#onEvent = onEvent
  }

  /** The reply to request `id` is pending from now on. */
  expect(name: RequestName, sink: ByteSink | ResultSink, id: number): void {
    this.name = name
    this.#sink = sink
    this.outcome = null
    this.id = id
  }

  /** Drops the rows that still come for the pending reply. */
  drop(): void {
    this.#sink = DROPPED
  }

  /** Ends the wait: no reply is pending any more. */
  clear(): void {
    this.id = 0
    this.#sink = DROPPED
    this.outcome = null
  }

  /** Takes one record. The reader of the ring calls it. */
  record(kind: RecordKind, id: number, bytes: Buffer, start: number, end: number): void {
    if (kind === RECORD.event) {
      this.#onEvent(readJson(bytes, start, end) as SessionEvent)
      return
    }
    if (id !== this.id) return
    if (kind === RECORD.rows) {
      this.#sink.take(bytes, start, end)
    } else if (kind === RECORD.result) {
      const { columns, tag } = readJson(bytes, start, end) as { columns: Column[] | null; tag: string }
      if ('complete' in this.#sink) this.#sink.complete(columns, tag)
    } else if (kind === RECORD.description) {
      const sink: RowSink | ByteSink = this.#sink
      if ('describe' in sink) sink.describe?.(readJson(bytes, start, end) as Description)
    } else if (kind === RECORD.failure) {
      this.outcome = { failure: readJson(bytes, start, end) as Failure }
    } else {
      const isHot = this.name === 'execute'
      this.outcome = { reply: isHot ? readExecuteReply(bytes, start, end) : readJson(bytes, start, end) }
    }
  }
}
