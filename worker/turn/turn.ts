/**
 * Whose turn it is. Two threads work on one session, and this file is the only place that says who may do what, when.
 * The rest of `worker/` calls the moves below and never stores an owner itself.
 *
 * Actors:
 * - The *caller* is the thread that runs the user's program. It sleeps while it waits for a reply.
 * - The *worker* is the thread with the event loop. It hosts the sessions of one caller.
 * - A *canceller* is any third thread that holds a cancel token. It touches two words: `cancelId` and the doorbell.
 *
 * Each session has one socket, and each socket has one *owner*. A word of the session's shared memory names it:
 *
 * | owner  | who reads, writes and closes the socket | what the other one does                                      |
 * | ------ | --------------------------------------- | ------------------------------------------------------------ |
 * | worker | the worker, from its event loop         | the caller computes, or sleeps until its reply is there      |
 * | lent   | nobody; the worker has stopped reading  | either may take the socket by a move                         |
 * | caller | the caller, inside one call             | the worker does not touch the session, whatever is announced |
 *
 * Requests of a session, in order:
 *
 * | state     | how it is seen                                | who leaves it                                             |
 * | --------- | --------------------------------------------- | --------------------------------------------------------- |
 * | none      | `requestId` is the number of a finished request | the caller: it announces the next one                     |
 * | announced | `requestId` is new                            | the worker: it takes the request up once it owns the socket |
 * | in hand   | the worker performs it                        | the worker: it writes the reply into the ring             |
 *
 * The worker sleeps in its event loop, and for two milliseconds after a reply on a word of the host block. How it is called:
 * worker/turn/doorbell.ts. It looks at all sessions whenever it is called.
 *
 * Laws:
 * 1. Only the owner reads, writes or closes a socket. The worker stops reading before it lends.
 * 2. An owner changes by one of the moves below, each a compare-and-swap, and by nothing else.
 * 3. The worker lends only what is quiet: no request in hand, nothing unsent, the last byte read ended a message.
 * 4. The transaction status is written by the owner, from a ReadyForQuery that the owner read. A new owner takes the status
 *    over from shared memory before it acts.
 * 5. The caller announces a request before it hands the socket over with it. The worker looks at the owner first and at the
 *    request afterwards, so it never sees the socket without the request that belongs to it.
 * 6. Bytes that one owner read and could not use go to the next owner, ahead of what that one reads.
 * 7. A call whose stack was torn off (Ctrl-C in a REPL, the time limit of `vm`) leaves the owner as it was. The next call on
 *    that session settles it, and so does a look at the transaction status. Calls on other sessions never wait for it.
 * 8. The caller leaves a session by setting `departure`, once and for all. It touches the socket no more after that.
 * 9. No thread is held still for another one. Every sleep of the caller has a bound of its own.
 */
import { WORD } from '../channel/layout.ts'

/** Values of `WORD.owner`. A new session belongs to the worker. */
export const OWNER = { worker: 0, lent: 1, caller: 2 } as const

export type Owner = (typeof OWNER)[keyof typeof OWNER]

/** One way for a socket to change its owner. */
export interface Move {
  readonly actor: 'caller' | 'worker'
  readonly from: Owner
  readonly to: Owner
}

/** All moves there are. */
export const MOVES = {
  /** The worker has published what it knows, stopped reading, and the session is quiet. Made before the reply is. */
  lend: { actor: 'worker', from: OWNER.worker, to: OWNER.lent },
  /** Nobody has used the socket for a while: the worker listens to it again, for notifications and for its end. */
  reclaim: { actor: 'worker', from: OWNER.lent, to: OWNER.worker },
  /** The caller begins a call that it may finish alone. */
  take: { actor: 'caller', from: OWNER.lent, to: OWNER.caller },
  /** The caller has read the whole answer, or has written nothing. */
  giveBack: { actor: 'caller', from: OWNER.caller, to: OWNER.lent },
  /** The caller cannot finish alone: the worker gets the socket, the announced request and all bytes read so far. */
  handOver: { actor: 'caller', from: OWNER.caller, to: OWNER.worker },
  /** The caller has set `departure`, and touches the socket no more: whatever it owned is the worker's. */
  inherit: { actor: 'worker', from: OWNER.caller, to: OWNER.worker },
  /** The caller wants the worker to perform a request, and nothing has been written. Announces nothing. */
  decline: { actor: 'caller', from: OWNER.lent, to: OWNER.worker },
} as const satisfies Record<string, Move>

/** @returns false when the owner was another one: then nothing has changed. */
export function tryMove(words: Int32Array, move: Move): boolean {
  return Atomics.compareExchange(words, WORD.owner, move.from, move.to) === move.from
}

export function ownerOf(words: Int32Array): Owner {
  return Atomics.load(words, WORD.owner) as Owner
}

/** Values of `WORD.departure`: how a session leaves its worker. */
export const DEPARTURE = {
  none: 0,
  /** The caller wants the session ended: a Terminate is sent, and the server rolls back what was not committed. */
  asked: 1,
  /** The caller has given the session up: its socket is closed at once, whatever is under way. */
  abandoned: 2,
  /** The worker has closed the socket and forgotten the session: the block may serve another one. */
  done: 3,
} as const
