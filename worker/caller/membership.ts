/**
 * The list of this thread's open sessions. It ends each of them when the program ends, or when the program has lost its last
 * reference to one without closing it.
 */
import type { SessionBlock } from '../channel/layout.ts'
import { WORD } from '../channel/layout.ts'
import { DEPARTURE } from '../turn/turn.ts'
import { now } from './clock.ts'
import { atTurnEnd } from './turn-end.ts'

/** A session's entry in the list. It refers to no object of the program, so it keeps no session alive. */
export interface Membership {
  readonly sessionId: number
  readonly shared: SharedArrayBuffer
  readonly block: SessionBlock
  /** The line of the program that opened it; `''` when unknown. */
  readonly openedAt: string
  /** Makes the worker look at its sessions. */
  readonly ring: () => void
  readonly isDead: () => boolean
  /** Gives the shared memory to the next session, once the worker has released it. */
  readonly retire: () => void
}

/** How long a program that ends waits until the worker has ended its sessions. */
const EXIT_WAIT_MS = 2000

const open = new Set<Membership>()
/** Sessions that `connect` has opened and not returned yet. */
const connecting = new Set<Membership>()

const lost = new FinalizationRegistry<Membership>((membership) => {
  if (!open.delete(membership)) return
  const hasEnded = Atomics.load(membership.block.words, WORD.isClosed) === 1
  depart(membership)
  membership.retire()
  // The server has ended it already, so there was nothing to close or to roll back.
  if (hasEnded) return
  const where = membership.openedAt === '' ? '' : `\n    opened ${membership.openedAt}`
  process.emitWarning(
    `the program dropped a connection without close(): syncpg has closed it, and uncommitted changes are rolled back${where}`,
    'SyncpgWarning',
  )
})

/** @param owner the session ends when the garbage collector has collected this object */
export function watchMembership(owner: object, membership: Membership): void {
  endSessionsAtExit()
  open.add(membership)
  lost.register(owner, membership, membership)
  connecting.add(membership)
  atTurnEnd(endUnreceived)
}

/** Notes that the program has received the session. */
export function noteReceived(membership: Membership): void {
  connecting.delete(membership)
}

/**
 * Ends the sessions that the program has not received when the turn ends: Ctrl-C in a REPL can interrupt a call that
 * connects.
 */
function endUnreceived(): void {
  for (const membership of connecting) {
    forgetMembership(membership)
    depart(membership)
    membership.retire()
  }
}

/** Removes a session that has ended, or is about to. */
export function forgetMembership(membership: Membership): void {
  open.delete(membership)
  connecting.delete(membership)
  lost.unregister(membership)
}

let isWatchingExit = false

/**
 * Ends the sessions after the last `exit` listener, because the program's own listeners may still use its connections. Node
 * has no event for that (listeners run in the order in which they were added), so `process.emit` is wrapped.
 */
function endSessionsAtExit(): void {
  if (isWatchingExit) return
  isWatchingExit = true
  const { emit } = process as { emit(...args: unknown[]): boolean }
  const emitAndEnd = function (this: NodeJS.Process, ...args: unknown[]): boolean {
    try {
      return Reflect.apply(emit, this, args)
    } finally {
      if (args[0] === 'exit') endSessions()
    }
  }
  process.emit = emitAndEnd as typeof process.emit
}

/** Ends all sessions at once, and waits for all of them together. */
function endSessions(): void {
  const leaving = [...open].filter((membership) => !membership.isDead())
  open.clear()
  for (const membership of leaving) depart(membership)
  const deadlineMs = now() + EXIT_WAIT_MS
  for (const { block, isDead } of leaving) {
    for (;;) {
      const seen = Atomics.load(block.words, WORD.departure)
      const leftMs = deadlineMs - now()
      if (seen === DEPARTURE.done || leftMs <= 0 || isDead()) break
      Atomics.wait(block.words, WORD.departure, seen, leftMs)
    }
  }
}

/** Makes the worker end a session that has no `SessionCalls` any more. `SessionCalls.leave` does it for the others. */
function depart({ block: { words }, ring }: Membership): void {
  Atomics.compareExchange(words, WORD.departure, DEPARTURE.none, DEPARTURE.asked)
  ring()
}
