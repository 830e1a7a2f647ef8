/**
 * The layout of the shared memory, with a name for each word. A host block belongs to a worker, and a session block serves
 * one session at a time. The caller's thread makes both and hands them over through synckit. Words are Int32, and all code
 * reads and writes them through `Atomics`.
 */

/**
 * Increase this number with each change of what the two threads share. `SYNCPG_WORKER` may name the worker of another
 * version of syncpg, so the caller asks for this number before anything else.
 */
export const LAYOUT_VERSION = 5

/** Words of the host block. */
export const HOST = {
  /** Changes whenever the worker has to look at its sessions: see worker/turn/doorbell.ts. */
  doorbell: 0,
  /** Changes every `HEARTBEAT_MS` while the worker's event loop runs. */
  heartbeat: 1,
  /** 0 alive, 1 dead. The worker's exit hooks set it. They do not run when the worker runs out of memory. */
  death: 2,
  /** Length in bytes of the UTF-8 text at `DEATH_TEXT_OFFSET`, which says why the worker died. */
  deathTextBytes: 3,
  /** The worker's thread id in Linux, 0 where unknown. With it the caller can tell a dead thread from a slow one. */
  osThreadId: 4,
  /** 1 while the worker sleeps on `knock`, 0 while it is in its event loop: see worker/turn/doorbell.ts. */
  lingers: 5,
  /** Changes with each ring while the worker lingers. Then the worker sleeps on this word and not on the doorbell. */
  knock: 6,
  /** 1 while the caller makes a synckit call. The worker does not linger then, because only its event loop gets the call. */
  isCalled: 7,
} as const

export const HOST_WORDS = 16
export const DEATH_TEXT_OFFSET = HOST_WORDS * 4
export const DEATH_TEXT_MAX_BYTES = 4032
export const HOST_BYTES = DEATH_TEXT_OFFSET + DEATH_TEXT_MAX_BYTES

/** Words of a session block. */
export const WORD = {
  /** Changes with each record that the worker writes. The caller sleeps on it. */
  event: 0,
  /** 1 while the caller sleeps or is about to. The worker calls `Atomics.notify` only then, because it costs a system call. */
  callerSleeps: 1,
  /** Number of the latest call. The worker learns nothing of calls that the caller finishes alone. */
  callId: 2,
  /** Number of the latest request announced to the worker. A request has the number of its call. */
  requestId: 3,
  requestBytes: 4,
  /** One of `REQUEST`: says where the request is, and which thread sends it to the server. */
  requestKind: 5,
  /** Total bytes written to the ring and read from it, modulo 2^32. */
  ringWritten: 6,
  ringRead: 7,
  /** 1 while the worker waits for room in the ring. */
  roomWanted: 8,
  /** Number of the latest call that a thread wants to cancel. */
  cancelId: 9,
  /** Character code of the transaction status. Only the owner writes it: see worker/turn/turn.ts. */
  transactionStatus: 10,
  isClosed: 11,
  /** One of `OWNER`, see worker/turn/turn.ts. */
  owner: 12,
  /** One of `DEPARTURE`, see worker/turn/turn.ts. */
  departure: 13,
  /**
   * The socket's file descriptor plus 1; 0 if the socket is never lent. The worker sets it once, together with the
   * next three words: the descriptor's device and inode.
   */
  descriptor: 14,
  device: 15,
  inodeLow: 16,
  inodeHigh: 17,
  /**
   * The part of a request that the kernel did not take from the caller: its length, 0 for none, and its offset in the
   * request area.
   */
  restBytes: 18,
  restOffset: 19,
  /** Bytes in the answer area that the caller has read from the server and hands over; 0 for none. */
  answerBytes: 20,
  /**
   * Number of the session that uses the block. A cancel token has it too, because the block may serve another session
   * later.
   */
  sessionId: 21,
  /** 1 while the worker keeps records that found no room in the ring. */
  queued: 22,
  /** 1 from the call of a listener to the end of the drain: meanwhile the caller may take no records for a long time. */
  listens: 23,
} as const

/** Kinds of request. */
export const REQUEST = {
  /** The request is in this block. The worker writes it to the server. */
  here: 0,
  /** The request is in an array that was handed over for it. The worker writes it to the server. */
  elsewhere: 1,
  /**
   * The request is in this block. The caller has written all or the first part of it to the server, so an answer will come.
   */
  written: 2,
  /**
   * A call was interrupted while it wrote or read. The worker finds out what the server has received, and drops the answer.
   */
  uncertain: 3,
} as const

export const SESSION_WORDS = 32
export const REQUEST_OFFSET = SESSION_WORDS * 4
/** Batches and COPY send chunks of 256 kB. A chunk can be longer by one element, so the area is larger. */
export const REQUEST_MAX_BYTES = 320 * 1024
/** Room for the answer to a small statement that the caller reads itself. */
export const ANSWER_MAX_BYTES = 16 * 1024
export const DEFAULT_RING_BYTES = 1 << 20
export const MIN_RING_BYTES = 4096

export const HEARTBEAT_MS = 200

/** Kinds of record in the ring. */
export const RECORD = {
  /** A run of whole DataRow messages. */
  rows: 1,
  /** The end of one result of a string of several statements, as JSON. */
  result: 2,
  /** The reply: the request is done. */
  reply: 3,
  /** The request failed, as JSON of a `Failure`. */
  failure: 4,
  /** A message that no request asked for, as JSON of a `SessionEvent`: a notice, a notification, a parameter, the loss. */
  event: 5,
  /** The description of a statement, as JSON of a `Description`. It comes before the rows. */
  description: 6,
  /** No record: the next one is at the start of the ring. Only the ring itself uses it. */
  rewind: 7,
} as const

export type RecordKind = (typeof RECORD)[keyof typeof RECORD]

/** A record's header is four Int32: kind, request number, bytes of this piece, bytes from it to the message's end. */
export const RECORD_HEADER_BYTES = 16
/** Records begin at multiples of this. */
export const RECORD_ALIGNMENT = 8
/** When fewer bytes than this are left before the end of the ring, the next record begins at its start. */
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
