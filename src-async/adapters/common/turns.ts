/**
 * Makes the users of one connection take turns: queries run one after another, and so do transactions. A turn is the
 * time for which one query or transaction has the connection. `syncpg/kysely` and `syncpg/drizzle` are built twice
 * each, for `import` and for `require`, so the turns are stored in the connection, where every build finds them.
 */
import { AsyncLocalStorage } from 'node:async_hooks'

/** Gives a turn to the next one. */
export type EndOfTurn = () => void

interface Holder {
  isOpen: boolean
}

interface Turns {
  /** Settles when the latest query has ended; null when none runs or waits. */
  lastQuery: Promise<void> | null
  /** Settles when the latest turn has ended. */
  lastTurn: Promise<void> | null
  /** The turn to which the calling code belongs; made by the first `withTurn`, because most connections never need it. */
  caller: AsyncLocalStorage<Holder> | null
}

const TURNS = Symbol.for('syncpg.turns')

function turnsOf(connection: object): Turns {
  const holder = connection as { [TURNS]?: Turns }
  const known = holder[TURNS]
  if (known !== undefined) return known
  const turns: Turns = { lastQuery: null, lastTurn: null, caller: null }
  // Not enumerable, so that nobody prints it.
  Object.defineProperty(holder, TURNS, { value: turns })
  return turns
}

/**
 * Runs a query when those before it have ended: programs start several at once, because a client of `pg` runs them one
 * after another. The next query waits for a promise of its own (`mine`), not for this query's promise, because V8 ends
 * an error's stack at a promise that has several listeners: the program's own lines would be missing.
 */
export async function inTurn<T>(connection: object, ask: () => Promise<T>): Promise<T> {
  const turns = turnsOf(connection)
  const before = turns.lastQuery
  let end: EndOfTurn = ignore
  const mine = new Promise<void>((resolve) => {
    end = resolve
  })
  turns.lastQuery = mine
  try {
    if (before !== null) await before
    return await ask()
  } finally {
    if (turns.lastQuery === mine) turns.lastQuery = null
    end()
  }
}

/** Whether a query runs or waits on the connection. */
export function isBusy(connection: object): boolean {
  return turnsOf(connection).lastQuery !== null
}

/** Waits until no query runs or waits on the connection. */
export async function quiet(connection: object): Promise<void> {
  const turns = turnsOf(connection)
  while (turns.lastQuery !== null) await turns.lastQuery
}

/** Waits for a turn on the connection. If the caller runs inside a turn of `withTurn`, it does not wait. */
export async function takeTurn(connection: object): Promise<EndOfTurn> {
  const turns = turnsOf(connection)
  if (turns.caller?.getStore()?.isOpen === true) return ignore
  const before = turns.lastTurn
  let end: EndOfTurn = ignore
  const mine = new Promise<void>((resolve) => {
    end = resolve
  })
  turns.lastTurn = mine
  await before
  return () => {
    if (turns.lastTurn === mine) turns.lastTurn = null
    end()
  }
}

/**
 * Runs a function in a turn. Everything that the function calls belongs to the turn and does not wait for another one.
 */
export async function withTurn<T>(connection: object, run: () => Promise<T>): Promise<T> {
  const turns = turnsOf(connection)
  const caller = (turns.caller ??= new AsyncLocalStorage())
  if (caller.getStore()?.isOpen === true) return run()
  const endTurn = await takeTurn(connection)
  const holder = { isOpen: true }
  try {
    return await caller.run(holder, run)
  } finally {
    holder.isOpen = false
    endTurn()
  }
}

function ignore(): void {}
