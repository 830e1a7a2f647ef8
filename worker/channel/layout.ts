/**
 * The shared memory, every word of it named. A host block belongs to a worker, a session block to one session; both are
 * made by the main thread and handed over through synckit. Words are Int32 and only touched through `Atomics`.
 */

/** Words of the host block. */
export const HOST = {
  /** Moves with every request; the worker sleeps on it between statements. */
  bell: 0,
  /** One of `BELL`: where the worker is. */
  watch: 1,
  /** Moves to reach a worker that is in its event loop: requests, cancels, room in a ring. */
  attention: 2,
  /** 1 while the main thread makes a synckit call, for which the worker must be in its event loop. */
  controlDue: 3,
  /** Moves every `HEARTBEAT_MS` while the worker's event loop turns. */
  heartbeat: 4,
  /** 0 alive, 1 gone. Set by the worker's own hooks; a death by memory sets nothing. */
  death: 5,
  /** Bytes of UTF-8 after the words that say what it died of. */
  deathTextBytes: 6,
  /** The worker's thread id as Linux counts it, 0 where unknown: what tells a dead thread from a starved one. */
  osThreadId: 7,
} as const

export const HOST_WORDS = 16
export const DEATH_TEXT_OFFSET = HOST_WORDS * 4
export const DEATH_TEXT_MAX_BYTES = 4032
export const HOST_BYTES = DEATH_TEXT_OFFSET + DEATH_TEXT_MAX_BYTES

/** Where the worker is. */
export const BELL = {
  /** In its event loop: it hears `attention`, and reads what comes from servers. */
  left: 0,
  /** It looks at the bell before it sleeps, or sleeps on it, and goes back to its event loop when it likes. */
  watched: 1,
  /** The same, but it has to stay: the main thread reads from a server itself. */
  held: 2,
} as const

/** Words of a session block. */
export const WORD = {
  /** Moves with everything the worker has to say; the main thread sleeps on it. */
  event: 0,
  /** 1 while the main thread is about to sleep or sleeps: only then is a notify worth its price. */
  mainWaits: 1,
  /** Number of the latest request. */
  requestId: 2,
  requestBytes: 3,
  /** One of `REQUEST`: where the request lies, and who sends it. */
  requestKind: 4,
  /** Bytes ever written to and read from the ring, modulo 2^32. */
  ringWritten: 5,
  ringRead: 6,
  /** 1 while the worker waits for room in the ring. */
  roomWanted: 7,
  /** The latest request the main thread wants cancelled. */
  cancelId: 8,
  /** Character code of the transaction status. */
  transactionStatus: 9,
  isClosed: 10,
  /** One of `LINE`. */
  line: 11,
  /** One more than the socket's descriptor while the main thread may write to it, 0 while it may not. */
  lineFd: 12,
  /** What the main thread could not write of a request it began to write: bytes of the block, from where; 0 for nothing. */
  restBytes: 13,
  restOffset: 14,
  /** What the main thread has read of an answer and leaves to the worker: bytes of the answer area; 0 for nothing. */
  answerBytes: 15,
  /** 1 while answers come so soon that the main thread waits for them itself: the worker had better sleep on the bell. */
  readsAnswers: 16,
} as const

/** Kinds of request. */
export const REQUEST = {
  /** Lies in this block. */
  here: 0,
  /** Lies in the array handed over for it. */
  elsewhere: 1,
  /**
   * Lies in this block, and the main thread writes it to the server itself: only the answer is the worker's, which takes
   * it up when that arrives and not before, for until then the writer may be torn off.
   */
  written: 2,
  /** The same, but it is to be taken up at once, for the sake of a time limit or a cancel. */
  told: 4,
  /** The same, but the stack that wrote it was torn off: who knows how far it got. */
  uncertain: 3,
} as const

/** States of the line. */
export const LINE = {
  free: 0,
  /** The main thread is writing. */
  inUse: 1,
  /** The descriptor is closed, or about to be. */
  gone: 2,
} as const

export const SESSION_WORDS = 32
export const REQUEST_OFFSET = SESSION_WORDS * 4
/** Room for a 256 kB chunk of a batch or a COPY with an element more than it was meant to hold. */
export const REQUEST_MAX_BYTES = 320 * 1024
/** Room for the answer to a small statement, where the main thread reads it itself. */
export const ANSWER_MAX_BYTES = 16 * 1024
export const DEFAULT_RING_BYTES = 1 << 20
export const MIN_RING_BYTES = 4096

export const HEARTBEAT_MS = 200
/** How long the worker sleeps on the bell after a statement before it goes back to its event loop. */
export const BELL_GRACE_MS = 100

/** Kinds of record in the ring. */
export const RECORD = {
  /** A run of whole DataRow messages. */
  rows: 1,
  /** The end of one result of a multi-statement string, as JSON. */
  result: 2,
  /** The reply: the request is done. */
  reply: 3,
  /** The request failed, as JSON of a `Failure`. */
  failure: 4,
  /** Said unasked: a notice, a notification, a parameter, as JSON. */
  event: 5,
} as const

export type RecordKind = (typeof RECORD)[keyof typeof RECORD]

/** Header of a record: kind, request number, bytes of this piece, bytes from this piece to the end of the message. */
export const RECORD_HEADER_BYTES = 16
/** Records begin at multiples of this. */
export const RECORD_ALIGNMENT = 8
/** With less than this before the end of the ring, both sides go on at its start. */
export const RECORD_MIN_BYTES = 24

/** The views of a session block. */
export interface SessionBlock {
  readonly words: Int32Array
  readonly request: Buffer
  readonly answer: Buffer
  readonly ring: Buffer
}

const ANSWER_OFFSET = REQUEST_OFFSET + REQUEST_MAX_BYTES
const RING_OFFSET = ANSWER_OFFSET + ANSWER_MAX_BYTES

export function sessionBlockBytes(ringBytes: number): number {
  return RING_OFFSET + ringBytes
}

export function viewSessionBlock(shared: SharedArrayBuffer): SessionBlock {
  return {
    words: new Int32Array(shared, 0, SESSION_WORDS),
    request: Buffer.from(shared, REQUEST_OFFSET, REQUEST_MAX_BYTES),
    answer: Buffer.from(shared, ANSWER_OFFSET, ANSWER_MAX_BYTES),
    ring: Buffer.from(shared, RING_OFFSET, shared.byteLength - RING_OFFSET),
  }
}
