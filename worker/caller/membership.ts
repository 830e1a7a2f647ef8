/**
 * The sessions of this thread that are open, so that each of them ends: when the program ends, and when nobody can use one
 * any more because the program has lost it without closing it.
 */
import type { SessionBlock } from '../channel/layout.ts'
import { WORD } from '../channel/layout.ts'
import { DEPARTURE } from '../turn/turn.ts'
import { now } from './clock.ts'

/** A session's place at its worker. Refers to no object of the program's, so it keeps nothing alive. */
export interface Membership {
  readonly sessionId: number
  readonly shared: SharedArrayBuffer
  readonly block: SessionBlock
  /** Where the program opened it; `''` where nobody knows. */
  readonly openedAt: string
  /** Whether the program has got it. */
  isHandedOut: boolean
  /** Has the worker look at its sessions. */
  readonly ring: () => void
  readonly isDead: () => boolean
  /** Gives the shared memory back, once the worker has let go of it. */
  readonly retire: () => void
}

/** How long a program that ends waits for its sessions to say goodbye. */
const GOODBYE_MS = 2000

const open = new Set<Membership>()

const lost = new FinalizationRegistry<Membership>((membership) => {
  if (!open.delete(membership)) return
  depart(membership)
  membership.retire()
  const where = membership.openedAt === '' ? '' : `\n    opened ${membership.openedAt}`
  process.emitWarning(
    `a connection was lost by the program without close(): it has been closed, and what was not committed is rolled back${where}`,
    'SyncpgWarning',
  )
})

/** @param owner the session leaves its worker when this object has been collected */
export function watchMembership(owner: object, membership: Membership): void {
  endSessionsAtExit()
  open.add(membership)
  lost.register(owner, membership, membership)
  // A stack can be torn off while it connects (Ctrl-C in a REPL): then nobody has the session when a microtask runs.
  queueMicrotask(() => {
    if (membership.isHandedOut || !open.has(membership)) return
    forgetMembership(membership)
    depart(membership)
    membership.retire()
  })
}

/** The session has left, or is leaving. */
export function forgetMembership(membership: Membership): void {
  open.delete(membership)
  lost.unregister(membership)
}

let isWatchingExit = false

/**
 * The program's own exit handlers may still use its connections, so the sessions end after the last of them. Node has no
 * event for that: listeners of `exit` run in the order in which they were added.
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

/** Has all sessions end at once, and waits for them together. */
function endSessions(): void {
  const leaving = [...open].filter((membership) => !membership.isDead())
  open.clear()
  for (const membership of leaving) depart(membership)
  const deadlineMs = now() + GOODBYE_MS
  for (const { block, isDead } of leaving) {
    for (;;) {
      const seen = Atomics.load(block.words, WORD.departure)
      const leftMs = deadlineMs - now()
      if (seen === DEPARTURE.done || leftMs <= 0 || isDead()) break
      Atomics.wait(block.words, WORD.departure, seen, leftMs)
    }
  }
}

/** As `SessionCalls.leave`, for a session that nobody is in any more. */
function depart({ block: { words }, ring }: Membership): void {
  Atomics.compareExchange(words, WORD.departure, DEPARTURE.none, DEPARTURE.asked)
  ring()
}
