/**
 * What an exchange is: one request and its answers, as a generator. It writes its request before its first `yield`; each
 * `yield` waits for the next control message, which then stands in the `Link`. It ends at ReadyForQuery. Errors of
 * the server arrive as exceptions at the `yield`, after the conversation has skipped to ReadyForQuery. Notices,
 * notifications, parameters and runs of rows never resume it.
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

/** `Link.tag` of an exchange that was resumed by `wake`, not by a message. */
export const WOKEN = 0

/** Takes the ordinary answers of an exchange that expects thousands, so that it is resumed by the others only. */
export interface AnswerCounter {
  /** Whether the current control message was an ordinary answer and is dealt with. */
  take(tag: number): boolean
}

/** What exchanges share with their conversation: the outgoing bytes, the current message, where rows go. */
export class Link {
  readonly out = new ByteWriter()
  /** Letter of the current control message. */
  tag = 0
  /** Set on the current message's body. */
  readonly body = new ByteReader(new Uint8Array(0))
  /** Takes the DataRow runs; null where none may come. */
  rows: RowSink | null = null
  /** Takes the payloads of CopyData; null where they are messages like others. */
  data: ByteSink | null = null
  /** Is shown each control message before it resumes the exchange; null where the exchange wants them all. */
  answers: AnswerCounter | null = null
  /**
   * True on a transport that takes whole flights only (PGlite): a COPY FROM STDIN by mistake must then find its CopyFail
   * in the same flight. Everywhere else a CopyFail outside of COPY would be ignored just the same, but costs bytes.
   */
  needsCopyGuard = false
  /** Resumes the exchange that waits for something else than a message. Set by the session. */
  wake: () => void = () => {}
  /** What an exchange of the start knows of the refusal that will come; added to the server's error. */
  refusalHint: string | null = null
  /** True while the current exchange waits for something else than a message: what the server says meanwhile comes after that. */
  isElsewhere = false
  /** True when requests of later exchanges are already on their way. */
  isFollowed = false

  /** What exchanges leave behind for the sake of its hidden class. */
  readonly kept = new Kept()
  readonly #tags = new CommandTags()

  /** The tag of the current CommandComplete. */
  commandTag(): string {
    return this.#tags.read(this.body)
  }
}

/** Refuses the current message unless it is the awaited one. */
export function expect(link: Link, tag: number, during: string): void {
  if (link.tag !== tag) throw unexpected(link, during, tag)
}

export function unexpected(link: Link, during: string, wanted?: number): ProtocolError {
  const instead = wanted === undefined ? '' : ` instead of ${tagName(wanted)}`
  return new ProtocolError(`${during}: the server sent message ${tagName(link.tag)}${instead}`)
}

/**
 * Waits for work that is done outside of the conversation, in the pool of threads. The server may be ahead: after its last
 * token it says at once that it is content, and all that follows.
 * @param start begins it; it must not call back before it returns
 * @throws the work's error
 */
export function* elsewhere<T>(
  link: Link,
  during: string,
  start: (done: (error: Error | null, result: T) => void) => void,
): Exchange<T> {
  let outcome: { readonly error: Error | null; readonly result: T } | null = null as typeof outcome
  start((error, result) => {
    outcome = { error, result }
    link.wake()
  })
  link.isElsewhere = true
  try {
    yield
  } finally {
    link.isElsewhere = false
  }
  if (link.tag !== WOKEN || outcome === null) throw unexpected(link, during)
  if (outcome.error !== null) throw outcome.error
  return outcome.result
}

/** Reads the answers to what `writePrelude` wrote. Called only when there is something to read: see `hasPrelude`. */
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

/** Reads the answers to what `writeReleaseOfBind` wrote. */
export function* readReleaseOfBind(link: Link): Exchange<void> {
  yield* readReleaseOfRun(link)
  yield
  expect(link, CLOSE_COMPLETE, 'RELEASE')
}

/** Reads the answers to what `writeReleaseOfRun` wrote. */
export function* readReleaseOfRun(link: Link): Exchange<void> {
  yield
  expect(link, PARSE_COMPLETE, 'RELEASE')
  yield
  expect(link, BIND_COMPLETE, 'RELEASE')
  yield
  expect(link, COMMAND_COMPLETE, 'RELEASE')
}

/** Notes on a server's error that nothing of the statement has run: it came before the first Bind was accepted. */
export function markNotStarted(error: unknown): void {
  if (error instanceof DbError && error.severity !== undefined) amend(error, { notStarted: true })
}

/** Whether `writeQueries` has to wait for BEGIN before it may write the rest: the exchange then holds the line. */
export function holdsLine(flight: Flight): boolean {
  return flight.begin !== null
}

/**
 * Writes a Query message, and before it the statements to close and BEGIN. The second Query must not run when BEGIN
 * failed, and the simple protocol has no way to say so in one flight: it waits for BEGIN's ReadyForQuery.
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
