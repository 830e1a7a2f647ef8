/**
 * The ring buffer for replies. The worker writes it, the caller reads it. Records have any length: a record that does not fit
 * travels in pieces, and the reader joins them. Positions only grow (modulo 2^32), and the capacity is a power of two.
 *
 * Two rules about order prevent both threads from sleeping at once: the writer publishes its records and wakes the
 * reader before it waits for room, and it sets `roomWanted` before it reads the read position for the last time.
 */
import {
  RECORD,
  RECORD_ALIGNMENT,
  RECORD_HEADER_BYTES,
  RECORD_MIN_BYTES,
  type RecordKind,
  type SessionBlock,
  WORD,
} from './layout.ts'

/**
 * How long the writer sleeps until there is room, if the reader is taking records. A reader normally needs microseconds. After
 * this time the writer queues the record, so that its event loop can run.
 */
const ROOM_WAIT_MS = 20

/**
 * When the ring is empty and the position is beyond this part of it, the next record goes to the start of the ring. So small
 * replies use the same few pages again and again. Otherwise each connection would come to occupy its whole ring.
 */
const REWIND_PART = 1 / 8

interface Queued {
  readonly kind: RecordKind
  readonly id: number
  readonly bytes: Uint8Array
  /** How many of the bytes are in the ring already. */
  written: number
}

/** What the writer uses of its owner. */
export interface RingWriterSite {
  /** Whether the reader is taking records, so that there will be room soon. Otherwise records are queued at once. */
  willHaveRoom(): boolean
  /** Called when records begin to queue. */
  blocked(): void
  /** Called when the queue is empty again. */
  drained(): void
}

export class RingWriter {
  readonly #words: Int32Array
  readonly #ring: Buffer
  readonly #header: Int32Array
  readonly #mask: number
  readonly #site: RingWriterSite
  #queue: Queued[] = []
  #position = 0

  constructor(block: SessionBlock, site: RingWriterSite) {
    this.#words = block.words
    this.#ring = block.ring
    this.#header = headerView(block.ring)
    this.#mask = block.ring.length - 1
    this.#site = site
  }

  /** Whether records wait for room. */
  get isQueueing(): boolean {
    return this.#queue.length > 0
  }

  /** Puts a record into the ring. If the reader makes no room in time, a copy of the rest goes into a queue. */
  write(kind: RecordKind, id: number, bytes: Uint8Array, start: number, end: number): void {
    let at = start
    if (this.#queue.length === 0) {
      at = this.#push(kind, id, bytes, start, end, true)
      if (at === DONE) return
      Atomics.store(this.#words, WORD.queued, 1)
      this.#site.blocked()
    }
    // This makes a copy. `slice` of a Buffer would share the bytes, and their owner changes them after this call.
    this.#queue.push({ kind, id, bytes: new Uint8Array(bytes.subarray(at, end)), written: 0 })
  }

  /** Moves queued records into the ring while there is room. The worker calls it when the reader has made some. */
  flush(): void {
    if (this.#queue.length === 0) return
    let sentCount = 0
    for (const next of this.#queue) {
      const { kind, id, bytes } = next
      next.written = this.#push(kind, id, bytes, next.written, bytes.length, false)
      if (next.written !== DONE) break
      sentCount += 1
    }
    // All at once: each `shift` would move all records that follow.
    this.#queue.splice(0, sentCount)
    if (this.#queue.length > 0) return
    Atomics.store(this.#words, WORD.queued, 0)
    this.#wakeReader()
    this.#site.drained()
  }

  /** @returns `DONE`, or the offset of the first byte that found no room. */
  #push(kind: RecordKind, id: number, bytes: Uint8Array, start: number, end: number, mayWait: boolean): number {
    let at = start
    for (;;) {
      const offset = this.#recordOffset(RECORD_HEADER_BYTES + Math.min(end - at, this.#ring.length >> 2))
      const untilEnd = this.#ring.length - offset
      const wanted = Math.min(end - at, untilEnd - RECORD_HEADER_BYTES, this.#ring.length >> 2)
      const room = this.#roomFor(wanted + RECORD_HEADER_BYTES, mayWait)
      if (room < 0) return at
      const piece = Math.min(end - at, untilEnd - RECORD_HEADER_BYTES, room - RECORD_HEADER_BYTES)
      const head = offset >> 2
      this.#header[head] = kind
      this.#header[head + 1] = id
      this.#header[head + 2] = piece
      this.#header[head + 3] = end - at
      if (piece > 0) this.#ring.set(bytes.subarray(at, at + piece), offset + RECORD_HEADER_BYTES)
      this.#publish(RECORD_HEADER_BYTES + piece)
      at += piece
      if (at === end) return DONE
    }
  }

  /**
   * Skips the end of the ring when it is too short for a record, and the rest of an empty ring.
   * @param wanted bytes that must be free before the position afterwards: after a skip there is no more room than that
   * @returns where the next record begins
   */
  #recordOffset(wanted: number): number {
    const offset = this.#position & this.#mask
    if (this.#ring.length - offset >= RECORD_MIN_BYTES) {
      const isFar = offset >= this.#ring.length * REWIND_PART && offset >= wanted
      if (!isFar || Atomics.load(this.#words, WORD.ringRead) !== this.#position) return offset
      this.#header[offset >> 2] = RECORD.rewind
    }
    this.#position = (this.#position + this.#ring.length - offset) | 0
    return 0
  }

  /** @returns the free bytes, at least `wanted`; -1 when there was not enough room in time. */
  #roomFor(wanted: number, mayWait: boolean): number {
    const words = this.#words
    for (;;) {
      const read = Atomics.load(words, WORD.ringRead)
      const free = this.#ring.length - ((this.#position - read) >>> 0)
      if (free >= wanted) return free
      Atomics.store(words, WORD.roomWanted, 1)
      // The writer reads the position once more after it has set the word: a reader that moved before that did not
      // see `roomWanted`.
      if (Atomics.load(words, WORD.ringRead) !== read) continue
      if (!mayWait || !this.#site.willHaveRoom()) return -1
      const woken = Atomics.wait(words, WORD.ringRead, read, ROOM_WAIT_MS)
      if (woken === 'timed-out' && Atomics.load(words, WORD.ringRead) === read) return -1
    }
  }

  #publish(length: number): void {
    const words = this.#words
    this.#position = (this.#position + align(length)) | 0
    Atomics.store(words, WORD.ringWritten, this.#position)
    this.#wakeReader()
  }

  #wakeReader(): void {
    const words = this.#words
    Atomics.add(words, WORD.event, 1)
    if (Atomics.load(words, WORD.callerSleeps) === 1) Atomics.notify(words, WORD.event)
  }
}

const DONE = -1

/** Takes the records. The bytes are valid only until the call returns, because they may be in the ring. */
export interface RecordHandler {
  record(kind: RecordKind, id: number, bytes: Buffer, start: number, end: number): void
}

export class RingReader {
  readonly #words: Int32Array
  readonly #ring: Buffer
  readonly #header: Int32Array
  readonly #mask: number
  readonly #onRoom: () => void
  #position = 0
  /**
   * Joins the pieces of a message. The header of each piece says how many bytes are still missing, and so where the
   * piece belongs.
   */
  #assembly: Buffer | null = null

  /** @param onRoom called when the writer waits for room and the reader has made some */
  constructor(block: SessionBlock, onRoom: () => void) {
    this.#words = block.words
    this.#ring = block.ring
    this.#header = headerView(block.ring)
    this.#mask = block.ring.length - 1
    this.#onRoom = onRoom
  }

  /** Whether a record is in the ring. */
  get hasRecords(): boolean {
    return this.#position !== Atomics.load(this.#words, WORD.ringWritten)
  }

  /** Takes all records out of the ring. When the handler throws, its record counts as taken. */
  drain(handler: RecordHandler): void {
    const words = this.#words
    // An interrupted call took a record and did not publish the new read position: do it now.
    if (this.#position !== Atomics.load(words, WORD.ringRead)) this.#tellWriter()
    while (this.hasRecords) this.#next(handler)
    if (Atomics.load(words, WORD.listens) === 1) Atomics.store(words, WORD.listens, 0)
  }

  /**
   * Takes one record. Ctrl-C in a REPL can interrupt a call where a function begins or a loop repeats. There is no such place
   * between the end of the handler and the new position, so each record is taken exactly once. A piece of a message may be
   * copied twice, to the same place, which changes nothing.
   */
  #next(handler: RecordHandler): void {
    let offset = this.#position & this.#mask
    if (this.#ring.length - offset < RECORD_MIN_BYTES || this.#header[offset >> 2] === RECORD.rewind) {
      this.#position = (this.#position + this.#ring.length - offset) | 0
      offset = 0
    }
    const head = offset >> 2
    const kind = this.#header[head] as RecordKind
    const id = this.#header[head + 1] as number
    const piece = this.#header[head + 2] as number
    const rest = this.#header[head + 3] as number
    const start = offset + RECORD_HEADER_BYTES
    const after = (this.#position + align(RECORD_HEADER_BYTES + piece)) | 0
    if (piece === rest && this.#assembly === null) {
      try {
        handler.record(kind, id, this.#ring, start, start + piece)
      } finally {
        this.#position = after
        this.#tellWriter()
      }
      return
    }
    const assembly = this.#assembly ?? Buffer.allocUnsafeSlow(rest)
    assembly.set(this.#ring.subarray(start, start + piece), assembly.length - rest)
    if (piece < rest) {
      this.#position = after
      this.#assembly = assembly
      this.#tellWriter()
      return
    }
    try {
      handler.record(kind, id, assembly, 0, assembly.length)
    } finally {
      this.#position = after
      this.#assembly = null
      this.#tellWriter()
    }
  }

  /** Publishes the read position, and wakes a writer that waits for room. */
  #tellWriter(): void {
    const words = this.#words
    Atomics.store(words, WORD.ringRead, this.#position)
    if (Atomics.exchange(words, WORD.roomWanted, 0) === 0) return
    Atomics.notify(words, WORD.ringRead)
    this.#onRoom()
  }
}

function align(length: number): number {
  return (length + RECORD_ALIGNMENT - 1) & ~(RECORD_ALIGNMENT - 1)
}

function headerView(ring: Buffer): Int32Array {
  return new Int32Array(ring.buffer, ring.byteOffset, ring.length >> 2)
}
