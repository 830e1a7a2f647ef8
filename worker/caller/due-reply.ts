/**
 * The pending reply: takes the records of the ring, and knows by their number which of them belong to the request that is
 * waited for. Records of any other request are dropped here.
 */
import type { Failure } from '../../src-async/errors/failure.ts'
import type { OperationName } from '../../src-async/wire/operations.ts'
import type { ByteSink, Column, Description, ResultSink, RowSink } from '../../src-async/wire/row-sink.ts'
import { RECORD, type RecordKind } from '../channel/layout.ts'
import { type SessionEvent, readExecuteReply, readJson } from '../channel/messages.ts'
import type { RecordHandler } from '../channel/ring.ts'

/** Takes rows and results, and keeps none of them. */
export const DROPPED: ResultSink = { take() {}, complete() {} }

export type Outcome = { readonly reply: unknown } | { readonly failure: Failure }

/** What is asked of a worker: opening a session, or an operation of it. */
export type Asked = OperationName | 'open'

export class DueReply implements RecordHandler {
  readonly #onEvent: (event: SessionEvent) => void
  #sink: ByteSink | ResultSink = DROPPED
  /** Number of the request whose reply has not been taken, 0 when there is none. */
  id = 0
  name: Asked = 'open'
  /** Null until it has come. */
  outcome: Outcome | null = null

  /** @param onEvent is told what the worker says unasked */
  constructor(onEvent: (event: SessionEvent) => void) {
    this.#onEvent = onEvent
  }

  /** The reply to request `id` is due from now on. */
  expect(name: Asked, sink: ByteSink | ResultSink, id: number): void {
    this.name = name
    this.#sink = sink
    this.outcome = null
    this.id = id
  }

  /** Its rows are not wanted any more. */
  drop(): void {
    this.#sink = DROPPED
  }

  /** Nothing is due any more. */
  clear(): void {
    this.id = 0
    this.#sink = DROPPED
    this.outcome = null
  }

  /** A record of the ring. Called by the reader. */
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
