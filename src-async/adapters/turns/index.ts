/**
 * Turns on a connection that several users of a query builder share: of queries, which run one after another, and of transactions.
 * `syncpg/kysely` and `syncpg/drizzle` are built twice each, for `import` and for `require`, so the turns are kept at the connection,
 * where every build finds them.
 */
import { AsyncLocalStorage } from 'node:async_hooks'

/** Gives a turn to the next one. */
export type EndOfTurn = () => void

interface Holder {
  isOpen: boolean
}

interface Turns {
  /** Settles when the query that was asked last has ended; null when none runs or waits. */
  lastQuery: Promise<void> | null
  /** Settles when the turn that was given out last has ended. */
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
 * Runs a query when those before it have ended: users ask several at once, and a client of `pg` takes them one after another.
 * Everything is awaited, because V8 ends an error's stack at a promise that somebody else listens to as well: the program's own
 * lines would be missing.
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

/** Waits for a turn on the connection; not where the caller belongs to one that `withTurn` has taken. */
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

/** Runs a function in a turn. What it calls, and what that calls, belongs to the turn and does not wait for another one. */
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
