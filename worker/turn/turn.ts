/**
 * Says which thread may use a session's socket, and when. Two threads work on one session, and the rules for both are in this
 * file only. The rest of `worker/` calls the moves below and never writes the owner word itself.
 *
 * Actors:
 * - The *caller* is the thread that runs the user's program. It sleeps while it waits for a reply.
 * - The *worker* is the thread with the event loop. It hosts the sessions of one caller.
 * - A *canceller* is any third thread that holds a cancel token. It writes two words only: `cancelId` and the doorbell.
 *
 * Each session has one socket, and each socket has one *owner*. A word of the session's shared memory names it:
 *
 * | owner  | who reads, writes and closes the socket | what the other thread does                              |
 * | ------ | --------------------------------------- | ------------------------------------------------------- |
 * | worker | the worker, from its event loop         | the caller computes, or sleeps until its reply comes    |
 * | lent   | nobody; the worker has stopped reading  | each thread may take the socket by a move               |
 * | caller | the caller, inside one call             | the worker does not touch the session, even if a request is announced |
 *
 * A session has one request at a time, which goes through these states:
 *
 * | state     | how a thread sees it                            | what ends it                                           |
 * | --------- | ----------------------------------------------- | ------------------------------------------------------ |
 * | none      | `requestId` is the number of a finished request | the caller announces the next request                  |
 * | announced | `requestId` is new                              | the worker starts the request once it owns the socket  |
 * | running   | the worker performs it                          | the worker writes the reply into the ring              |
 *
 * The doorbell wakes the worker (worker/turn/doorbell.ts), and then it looks at all its sessions.
 *
 * Laws:
 * 1. Only the owner reads, writes or closes a socket. The worker stops reading before it lends.
 * 2. Only the moves below change an owner. Each is a compare-and-swap.
 * 3. The worker lends a socket only when it is quiet: no request is running, nothing is unsent, and the last byte read ended a
 *    message.
 * 4. The owner writes the transaction status, from a ReadyForQuery that it has read. A new owner reads the status from shared
 *    memory before it acts.
 * 5. The caller announces a request before it hands the socket over with it. The worker looks at the owner first and at the
 *    request afterwards, so it never sees the socket without the request that belongs to it.
 * 6. When an owner has read bytes that it cannot use, they go to the next owner, who parses them before what it reads itself.
 * 7. An interrupted call (Ctrl-C in a REPL, the time limit of `vm`) leaves the owner as it was. The next call on that session
 *    cleans up first, and so does a look at the transaction status. Calls on other sessions never wait for it.
 * 8. The caller ends a session by setting `departure`, once and for all. It never touches the socket after that.
 * 9. No thread stops another one. Every sleep of the caller has a time limit of its own.
 */
import { WORD } from '../channel/layout.ts'

/** Values of `WORD.owner`. The worker owns the socket of a new session. */
export const OWNER = { worker: 0, lent: 1, caller: 2 } as const

export type Owner = (typeof OWNER)[keyof typeof OWNER]

/** One change of a socket's owner. */
export interface Move {
  readonly actor: 'caller' | 'worker'
  readonly from: Owner
  readonly to: Owner
}

/** All changes of owner that are allowed. */
export const MOVES = {
  /** The session is quiet, and the worker has published its status and stopped reading. It lends before it replies. */
  lend: { actor: 'worker', from: OWNER.worker, to: OWNER.lent },
  /** Nobody has used the socket for a while. The worker reads it again, to see notifications and the end of the connection. */
  reclaim: { actor: 'worker', from: OWNER.lent, to: OWNER.worker },
  /** The caller begins a call that it may finish alone. */
  take: { actor: 'caller', from: OWNER.lent, to: OWNER.caller },
  /** The caller has read the whole answer, or has written nothing. */
  giveBack: { actor: 'caller', from: OWNER.caller, to: OWNER.lent },
  /** The caller cannot finish alone. The worker gets the socket, the announced request and all bytes read so far. */
  handOver: { actor: 'caller', from: OWNER.caller, to: OWNER.worker },
  /** The caller has set `departure` and touches the socket no more, so the worker takes it. */
  inherit: { actor: 'worker', from: OWNER.caller, to: OWNER.worker },
  /** The caller has written nothing and wants the worker to perform the request. It announces the request afterwards. */
  decline: { actor: 'caller', from: OWNER.lent, to: OWNER.worker },
} as const satisfies Record<string, Move>

/** @returns false when the owner was not `move.from`. Then nothing has changed. */
export function tryMove(words: Int32Array, move: Move): boolean {
  return Atomics.compareExchange(words, WORD.owner, move.from, move.to) === move.from
}

export function ownerOf(words: Int32Array): Owner {
  return Atomics.load(words, WORD.owner) as Owner
}

/** Values of `WORD.departure`: how the caller ends a session. */
export const DEPARTURE = {
  none: 0,
  /** The caller wants the session to end. The worker sends a Terminate, and the server rolls back an open transaction. */
  asked: 1,
  /** The caller has given the session up. The worker closes the socket at once; a running statement is cancelled first. */
  abandoned: 2,
  /** The worker has closed the socket and forgotten the session. The block may serve another session. */
  done: 3,
} as const
