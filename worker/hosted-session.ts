/** One session in the worker: reads its request area, performs the operation, writes rows and the reply into its ring. */
import type { ByteReader } from '../src-async/bytes/byte-reader.ts'
import { ByteWriter } from '../src-async/bytes/byte-writer.ts'
import { failureFromError } from '../src-async/errors/failure.ts'
import { QueryCanceledError } from '../src-async/errors/sqlstates.ts'
import { InterfaceError } from '../src-async/errors/tree.ts'
import { openSession } from '../src-async/wire/open-session.ts'
import type { ExecuteReply, OperationName, ReplyOf, SessionEvents } from '../src-async/wire/operations.ts'
import type { Session } from '../src-async/wire/session.ts'
import { RECORD, REQUEST, type RecordKind, type SessionBlock, WORD, viewSessionBlock } from './channel/layout.ts'
import { LineLender } from './channel/line.ts'
import {
  type OpenReply,
  type SessionEvent,
  readExecute,
  readOpen,
  readOther,
  readRequestName,
  writeExecuteReply,
} from './channel/messages.ts'
import { RingWriter } from './channel/ring.ts'
import { RingRowSink } from './ring-row-sink.ts'

/** What a session wants of its host. */
export interface HostedSessionDuties {
  /** Shared by the sessions of a host: a request is read in one go. */
  readonly reader: ByteReader
  /** A request was taken up. */
  started(): void
  /**
   * Its reply is about to be published.
   * @param mayBeDeaf whether nobody waits for what its server says next, or the main thread will read that itself
   * @param hasLine whether the main thread may write to its socket
   */
  finishing(mayBeDeaf: boolean, hasLine: boolean): void
  /** The session is open, and its main thread may write to its socket: the worker has to listen to that. */
  lineOpened(): void
  /** That socket is closed. */
  lineClosed(): void
}

const WHILE_COPYING: ReadonlySet<OperationName> = new Set([
  'copyInData',
  'copyInEnd',
  'copyOutRead',
  'copyOutEnd',
  'cancel',
  'close',
])

export class HostedSession {
  readonly #block: SessionBlock
  readonly #duties: HostedSessionDuties
  readonly #ring: RingWriter
  readonly #sink: RingRowSink
  readonly #out = new ByteWriter(512)
  #borrowed: Buffer | null = null
  #session: Session | null = null
  #line: LineLender | null = null
  #handledId = 0
  #cancelledId = 0
  #busyId = 0
  /**
   * The event loop has just looked at the sockets: it does not do so again before an immediate runs. In any other phase of
   * it a reply must not send the worker to the bell, for on its way there it would read what the main thread awaits.
   */
  #hasPolled = false
  #isHandedOver = false
  /** Kept for the sake of its hidden class: see `Kept`. */
  protected lastImmediate: NodeJS.Immediate | null = null
  /** Something was said unasked since the last reply: the main thread may not know of it yet. */
  #hasNews = false

  constructor(shared: SharedArrayBuffer, duties: HostedSessionDuties) {
    this.#block = viewSessionBlock(shared)
    this.#duties = duties
    this.#ring = new RingWriter(
      this.#block,
      () => this.#session?.pauseReading(),
      () => this.#session?.resumeReading(),
    )
    this.#sink = new RingRowSink(this.#ring)
  }

  lend(shared: SharedArrayBuffer | null): void {
    this.#borrowed = shared && Buffer.from(shared)
  }

  wake(): void {
    Atomics.add(this.#block.words, WORD.event, 1)
    Atomics.notify(this.#block.words, WORD.event)
  }

  /** Looks at the words the main thread may have moved: room in the ring, a request, a cancel. */
  handle(): void {
    const { words } = this.#block
    this.#ring.flush()
    this.#takeUp(false)
    if (Atomics.load(words, WORD.restBytes) > 0) this.#sendRest()
    if (Atomics.load(words, WORD.answerBytes) > 0) this.#takeAnswer()
    const cancelId = Atomics.load(words, WORD.cancelId)
    if (cancelId === this.#cancelledId) return
    // It has been written to the server, so it is to be taken up first: the word that says so is on its way.
    if (cancelId !== this.#handledId && Atomics.load(words, WORD.requestKind) === REQUEST.written) return
    this.#cancelledId = cancelId
    // The reply of the cancelled request is what tells the main thread how it ended.
    if (cancelId === this.#busyId) this.#session?.cancel().catch(() => {})
  }

  /** Performs the latest request, if it is a new one. @param isAnswered bytes of the server's are here. */
  #takeUp(isAnswered: boolean): void {
    const { words } = this.#block
    const id = Atomics.load(words, WORD.requestId)
    if (id === this.#handledId || this.#busyId !== 0) return
    const kind = Atomics.load(words, WORD.requestKind)
    if (kind === REQUEST.written && !isAnswered) return
    this.#handledId = id
    this.#busyId = id
    this.#duties.started()
    this.#perform(id, kind)
  }

  /** The main thread began to write a request to the server, and the kernel did not take all of it. */
  #sendRest(): void {
    const { words, request } = this.#block
    const start = Atomics.load(words, WORD.restOffset)
    const length = Atomics.exchange(words, WORD.restBytes, 0)
    this.#session?.writeRest(request.subarray(start, start + length))
  }

  /** The main thread has read the beginning of an answer itself, while the worker slept on the bell. */
  #takeAnswer(): void {
    const { words, answer } = this.#block
    this.#isHandedOver = true
    this.#session?.data(answer, 0, Atomics.exchange(words, WORD.answerBytes, 0))
    this.#isHandedOver = false
  }

  #notePoll(): void {
    if (this.#isHandedOver || this.#hasPolled) return
    this.#hasPolled = true
    this.lastImmediate = setImmediate(this.#forgetPoll)
  }

  readonly #forgetPoll = (): void => {
    this.#hasPolled = false
  }

  #perform(id: number, kind: number): void {
    const { words, request } = this.#block
    const isElsewhere = kind === REQUEST.elsewhere
    if (kind === REQUEST.uncertain) return this.#recover(id)
    if (kind === REQUEST.written || kind === REQUEST.told) this.#session?.expectWritten()
    const area = isElsewhere && this.#borrowed !== null ? this.#borrowed : request
    const reader = this.#duties.reader
    reader.reset(area, 0, Atomics.load(words, WORD.requestBytes))
    this.#sink.requestId = id
    try {
      // The call was torn off while it rang, and settled before the bell was heard.
      if (id === this.#cancelledId) throw new QueryCanceledError('cancelled before it was sent to the server')
      const name = readRequestName(reader)
      if (name === 'open') this.#open(id, reader)
      else this.#operate(id, name, reader)
    } catch (error) {
      this.#fail(id, error)
    }
    if (isElsewhere) this.#borrowed = null
  }

  /** A call was torn off while it wrote its request to the server: all that is left to do is to be ready for the next. */
  #recover(id: number): void {
    this.#session?.recover().then(
      () => this.#replyJson(id, null),
      (error: unknown) => this.#fail(id, error),
    )
  }

  #open(id: number, reader: ByteReader): void {
    const events: SessionEvents = {
      notice: (fields) => this.#event({ kind: 'notice', fields }),
      notification: (notification) => this.#event({ kind: 'notification', notification }),
      parameter: (name, value) => this.#event({ kind: 'parameter', name, value }),
      // An idle connection that is lost has no reply to say so with.
      closed: () => this.#ended(),
      // What the main thread has written itself, it has told nobody of.
      arriving: () => {
        this.#notePoll()
        this.#takeUp(true)
      },
    }
    openSession(readOpen(reader), events).then(
      (session) => {
        this.#session = session
        this.#openLine(session)
        const { backendPid, parameters, canCancel } = session
        const reply: OpenReply = { backendPid, parameters: [...parameters], canCancel }
        this.#replyJson(id, reply)
      },
      (error: unknown) => this.#fail(id, error),
    )
  }

  #openLine(session: Session): void {
    const fd = session.lendLine(() => {
      line.takeBack()
      this.#duties.lineClosed()
    })
    const line = new LineLender(this.#block.words, fd)
    if (fd < 0) return
    this.#line = line
    this.#duties.lineOpened()
  }

  #operate(id: number, name: OperationName, reader: ByteReader): void {
    const session = this.#session
    if (session === null) throw new InterfaceError('bug: an operation was asked of a session that is not open')
    if (session.isCopying && !WHILE_COPYING.has(name)) {
      // Its turn would come after the COPY, and the main thread, asleep here, is who must end that.
      throw new InterfaceError(`${name}: a COPY is in progress on this connection; finish it or close the connection`)
    }
    // The session writes or copies the bytes of a request before it returns, so the request area is free from then on.
    if (name === 'execute') {
      session.execute(readExecute(reader, this.#sink)).then(
        (reply) => this.#replyExecute(id, reply),
        (error: unknown) => this.#fail(id, error),
      )
      return
    }
    if (name === 'awaitNotification' && this.#hasNews) {
      // It came while nobody looked; waiting for another would be waiting beside it.
      this.#replyJson(id, { arrived: true })
      return
    }
    const request = readOther(reader, name, this.#sink)
    const perform = session[name] as (request: unknown) => Promise<ReplyOf<OperationName>>
    perform.call(session, request).then(
      (reply) => this.#replyJson(id, reply),
      (error: unknown) => this.#fail(id, error),
    )
  }

  #replyExecute(id: number, reply: ExecuteReply): void {
    const out = this.#out
    out.clear()
    writeExecuteReply(out, reply)
    this.#finish(RECORD.reply, id, out.view())
  }

  #replyJson(id: number, reply: unknown): void {
    this.#finish(RECORD.reply, id, Buffer.from(JSON.stringify(reply)))
  }

  #fail(id: number, error: unknown): void {
    this.#finish(RECORD.failure, id, Buffer.from(JSON.stringify(failureFromError(error))))
  }

  /** Order matters: state first, then readiness for the next request, then the record that wakes the main thread. */
  #finish(kind: RecordKind, id: number, bytes: Uint8Array): void {
    const { words } = this.#block
    const session = this.#session
    const line = this.#line
    let isLent = false
    if (session !== null) {
      Atomics.store(words, WORD.transactionStatus, session.transactionStatus.charCodeAt(0))
      Atomics.store(words, WORD.isClosed, session.isClosed ? 1 : 0)
      isLent = line !== null && session.isLineFree
      line?.lend(isLent)
    }
    this.#busyId = 0
    this.#hasNews = false
    const mainReads = Atomics.load(words, WORD.readsAnswers) === 1 && this.#hasPolled
    const mayBeDeaf = line === null ? session?.isReadingAhead !== true : mainReads && isLent && session!.hasReadAll
    this.#duties.finishing(mayBeDeaf, line !== null)
    this.#ring.write(kind, id, bytes, 0, bytes.length)
  }

  /** The reason first: who sees the word looks for it. */
  #ended(): void {
    const reason = this.#session?.closedReason
    if (reason !== undefined) this.#event({ kind: 'closed', reason })
    Atomics.store(this.#block.words, WORD.isClosed, 1)
  }

  #event(event: SessionEvent): void {
    if (event.kind !== 'parameter') this.#hasNews = true
    const json = Buffer.from(JSON.stringify(event))
    this.#ring.write(RECORD.event, this.#busyId, json, 0, json.length)
  }
}
