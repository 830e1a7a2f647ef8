/**
 * An exchange is one request and its answers, as a generator. It writes its request before its first `yield`. Each `yield`
 * waits for the next control message, which the `Link` holds afterwards. An exchange ends at ReadyForQuery. A server's error
 * is thrown at the `yield`, after the conversation has skipped to ReadyForQuery. Notices, notifications, parameters and rows
 * never resume an exchange.
 */
import { ByteReader } from '../../bytes/byte-reader.ts'
import { ByteWriter } from '../../bytes/byte-writer.ts'
import { Kept } from '../../bytes/keep-class.ts'
import { DbError, ProtocolError, amend } from '../../errors/tree.ts'
import type { Flight } from '../operations.ts'
import type { ByteSink, RowSink } from '../row-sink.ts'
import { CommandTags } from './command-tag.ts'
import { writeCloseStatement, writeQuery } from './frontend.ts'
import { BIND_COMPLETE, CLOSE_COMPLETE, COMMAND_COMPLETE, PARSE_COMPLETE, READY_FOR_QUERY, tagName } from './tags.ts'

export type Exchange<Reply> = Generator<void, Reply, void>

/** The value of `Link.tag` when `wake` resumed the exchange, not a message. */
export const WOKEN = 0

/**
 * Takes the ordinary answers of an exchange that expects thousands of them. They do not resume the exchange; other messages do.
 */
export interface AnswerCounter {
  /** @returns whether the current control message was an ordinary answer, which needs nothing more */
  take(tag: number): boolean
}

/** What exchanges share with their conversation: the outgoing bytes, the current message, the sinks. */
export class Link {
  readonly out = new ByteWriter()
  /** The type byte of the current control message. */
  tag = 0
  /** Reads the body of the current message. */
  readonly body = new ByteReader(new Uint8Array(0))
  /** Takes runs of DataRow messages; null when none may come. */
  rows: RowSink | null = null
  /** Takes the payloads of CopyData; null when CopyData resumes the exchange like other messages. */
  data: ByteSink | null = null
  /** Gets each control message before it resumes the exchange; null when all of them resume it. */
  answers: AnswerCounter | null = null
  /**
   * True for PGlite, which takes whole flights only (all messages up to one Sync). There each flight has a CopyFail,
   * in case the statement is a COPY FROM STDIN by mistake. The server ignores a CopyFail outside of COPY. Other
   * transports do not need it.
   */
  needsCopyGuard = false
  /** Resumes the exchange that waits for work in the thread pool. The session sets it. */
  wake: () => void = () => {}
  /** A hint that authentication adds to the server's error, when it knows why the server will refuse. */
  refusalHint: string | null = null
  /** True while the current exchange waits for work in the thread pool. Messages that come meanwhile are kept for later. */
  isWaitingForWork = false
  /** True when the requests of later exchanges are already written. */
  isFollowed = false
  /** True between the savepoints of `describe-apart.ts`. A transaction that fails there will be mended. */
  isApart = false

  /** Keeps objects of exchanges alive, so that V8 keeps their hidden classes. */
  readonly kept = new Kept()
  readonly #tags = new CommandTags()

  /** The tag of the current CommandComplete. */
  commandTag(): string {
    return this.#tags.read(this.body)
  }
}

/** @throws ProtocolError when the current message has another type. */
export function expect(link: Link, tag: number, during: string): void {
  if (link.tag !== tag) throw unexpected(link, during, tag)
}

export function unexpected(link: Link, during: string, wanted?: number): ProtocolError {
  const instead = wanted === undefined ? '' : ` instead of ${tagName(wanted)}`
  return new ProtocolError(`${during}: the server sent message ${tagName(link.tag)}${instead}`)
}

/**
 * Waits for work outside of the conversation, in the thread pool. The server may send messages meanwhile: after its
 * last token it sends AuthenticationOk and everything that follows, without waiting for the client.
 * @param start begins the work; it must not call back before it returns
 * @throws the work's error
 */
export function* awaitWork<T>(
  link: Link,
  during: string,
  start: (done: (error: Error | null, result: T) => void) => void,
): Exchange<T> {
  let outcome: { readonly error: Error | null; readonly result: T } | null = null as typeof outcome
  start((error, result) => {
    outcome = { error, result }
    link.wake()
  })
  link.isWaitingForWork = true
  try {
    yield
  } finally {
    link.isWaitingForWork = false
  }
  if (link.tag !== WOKEN || outcome === null) throw unexpected(link, during)
  if (outcome.error !== null) throw outcome.error
  return outcome.result
}

/** Reads the answers to the messages of `writePrelude`. Call it only when `hasPrelude` is true. */
export function* readPrelude(link: Link, flight: Flight): Exchange<void> {
  yield* readCloseCompletes(link, flight)
  if (flight.begin === null) return
  yield
  expect(link, PARSE_COMPLETE, 'BEGIN')
  yield
  expect(link, BIND_COMPLETE, 'BEGIN')
  yield
  expect(link, COMMAND_COMPLETE, 'BEGIN')
}

/** Reads the answers to the messages of `writeReleaseOfBind`. */
export function* readReleaseOfBind(link: Link): Exchange<void> {
  yield* readReleaseOfRun(link)
  yield
  expect(link, CLOSE_COMPLETE, 'RELEASE')
}

/** Reads the answers to the messages of `writeReleaseOfRun`. */
export function* readReleaseOfRun(link: Link): Exchange<void> {
  yield
  expect(link, PARSE_COMPLETE, 'RELEASE')
  yield
  expect(link, BIND_COMPLETE, 'RELEASE')
  yield
  expect(link, COMMAND_COMPLETE, 'RELEASE')
}

/** Marks a server's error that came before the server accepted the first Bind: the statement has not run. */
export function markNotStarted(error: unknown): void {
  if (error instanceof DbError && error.severity !== undefined) amend(error, { notStarted: true })
}

/**
 * Whether `writeQueries` has to wait for the answer to BEGIN. Then the exchange must be exclusive: no later request may be
 * written before it ends.
 */
export function mustBeExclusive(flight: Flight): boolean {
  return flight.begin !== null
}

/**
 * Writes a Query message, after Close messages and BEGIN if there are any. The Query must not run when BEGIN has
 * failed. The simple protocol cannot express that without a round trip, so this waits for the ReadyForQuery of BEGIN
 * before it writes the Query.
 */
export function* writeQueries(link: Link, flight: Flight, write: () => void): Exchange<void> {
  for (const name of flight.closing) writeCloseStatement(link.out, name)
  if (flight.begin === null) {
    write()
    yield* readCloseCompletes(link, flight)
    return
  }
  writeQuery(link.out, flight.begin)
  yield* readCloseCompletes(link, flight)
  yield
  expect(link, COMMAND_COMPLETE, 'BEGIN')
  yield
  expect(link, READY_FOR_QUERY, 'BEGIN')
  write()
}

function* readCloseCompletes(link: Link, flight: Flight): Exchange<void> {
  for (let i = 0; i < flight.closing.length; i++) {
    yield
    expect(link, CLOSE_COMPLETE, 'Close')
  }
}
