/**
 * The shared memory, every word of it named. A host block belongs to a worker, a session block to one session at a time;
 * the caller's thread makes both and hands them over through synckit. Words are Int32 and only touched through `Atomics`.
 */

/**
 * Grows with every change of what the two sides share. `SYNCPG_WORKER` may name the worker of another version of syncpg, so
 * the caller asks for this number before anything else.
 */
export const LAYOUT_VERSION = 3

/** Words of the host block. */
export const HOST = {
  /** Moves whenever the worker has to look at its sessions: see worker/turn/doorbell.ts. */
  doorbell: 0,
  /** Moves every `HEARTBEAT_MS` while the worker's event loop turns. */
  heartbeat: 1,
  /** 0 alive, 1 gone. Set by the worker's own hooks; a death by memory sets nothing. */
  death: 2,
  /** Bytes of UTF-8 after the words that say what it died of. */
  deathTextBytes: 3,
  /** The worker's thread id as Linux counts it, 0 where unknown: it tells a dead thread from a starved one. */
  osThreadId: 4,
  /** 1 while the worker sleeps on `knock`, 0 while it is in its event loop: see worker/turn/doorbell.ts. */
  lingers: 5,
  /** Moves instead of a notify of the doorbell while the worker lingers. */
  knock: 6,
} as const

export const HOST_WORDS = 16
export const DEATH_TEXT_OFFSET = HOST_WORDS * 4
export const DEATH_TEXT_MAX_BYTES = 4032
export const HOST_BYTES = DEATH_TEXT_OFFSET + DEATH_TEXT_MAX_BYTES

/** Words of a session block. */
export const WORD = {
  /** Moves with everything the worker has to say; the caller sleeps on it. */
  event: 0,
  /** 1 while the caller is about to sleep or sleeps: only then is a notify worth its price. */
  callerSleeps: 1,
  /** Number of the latest call, whether the worker ever hears of it or not. */
  callId: 2,
  /** Number of the latest request announced to the worker: that of its call. */
  requestId: 3,
  requestBytes: 4,
  /** One of `REQUEST`: where the request lies, and who sends it. */
  requestKind: 5,
  /** Bytes ever written to and read from the ring, modulo 2^32. */
  ringWritten: 6,
  ringRead: 7,
  /** 1 while the worker waits for room in the ring. */
  roomWanted: 8,
  /** The latest call that somebody wants cancelled. */
  cancelId: 9,
  /** Character code of the transaction status; the owner's, see worker/turn/turn.ts. */
  transactionStatus: 10,
  isClosed: 11,
  /** One of `OWNER`, see worker/turn/turn.ts. */
  owner: 12,
  /** One of `DEPARTURE`, see worker/turn/turn.ts. */
  departure: 13,
  /** One more than the socket's descriptor, 0 where it is never lent. Set once, with what the descriptor is. */
  descriptor: 14,
  device: 15,
  inodeLow: 16,
  inodeHigh: 17,
  /** The part of a request that the kernel did not take from the caller: bytes of the request area, from where; 0 for nothing. */
  restBytes: 18,
  restOffset: 19,
  /** What the caller has read of an answer and hands over: bytes of the answer area; 0 for nothing. */
  answerBytes: 20,
  /** Number of the session that has the block. A cancel token names it: the block may serve another session by now. */
  sessionId: 21,
} as const

/** Kinds of request. */
export const REQUEST = {
  /** Lies in this block; the worker writes it to the server. */
  here: 0,
  /** Lies in the array handed over for it; the worker writes it to the server. */
  elsewhere: 1,
  /** Lies in this block, and the caller has written it to the server, or the beginning of it: its answer is due. */
  written: 2,
  /** A call was torn off while it wrote or read: the worker finds out what the server has, and drops the answer. */
  uncertain: 3,
} as const

export const SESSION_WORDS = 32
export const REQUEST_OFFSET = SESSION_WORDS * 4
/** Room for a 256 kB chunk of a batch or a COPY with an element more than it was meant to hold. */
export const REQUEST_MAX_BYTES = 320 * 1024
/** Room for the answer to a small statement, where the caller reads it itself. */
export const ANSWER_MAX_BYTES = 16 * 1024
export const DEFAULT_RING_BYTES = 1 << 20
export const MIN_RING_BYTES = 4096

export const HEARTBEAT_MS = 200

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
  /** What a statement is, as JSON of a `Description`, before its rows. */
  description: 6,
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
