/** A lock around umzug's commands that lasts no longer than its connection, behind a pooler too. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Connection as BlockingConnection } from '../../../src-sync/index.ts'
import type { Connection } from '../../index.ts'

/** What of umzug is needed here. */
export interface LockedUmzug {
  /** Umzug's events, of which the lock needs those before and after all migrations. */
  on(event: 'beforeCommand' | 'afterCommand', listener: () => Promise<void>): unknown
}

export interface LockOptions {
  /** The number that all who migrate this database agree on; 7431 at first. */
  readonly key?: number | bigint
  /** Called once where another migration is running and this one waits. */
  readonly onWait?: () => void
}

type Guard = BlockingConnection | Connection

const POLL_MS = 200

/**
 * Lets one command of umzug run at a time on a database: a second process waits until the first is done. The lock is an advisory one,
 * held by an open transaction on a connection of its own, so a pooler in transaction mode cannot leak it, and it ends with the
 * process.
 * @param connectGuard gives the connection that holds the lock; it is closed afterwards
 * @example oneAtATime(umzug, () => connect(dsn))
 */
export function oneAtATime(
  umzug: LockedUmzug,
  connectGuard: () => Guard | Promise<Guard>,
  { key = 7431, onWait = () => {} }: LockOptions = {},
): void {
  const guards: Guard[] = []
  umzug.on('beforeCommand', async () => {
    const guard = await connectGuard()
    try {
      await takeLock(guard, key, onWait)
    } catch (error) {
      await guard.close()
      throw error
    }
    guards.push(guard)
  })
  umzug.on('afterCommand', async () => {
    const guard = guards.pop()
    if (guard !== undefined && !guard.closed) await guard.close()
  })
}

/**
 * One text with several statements, so that it goes by the simple protocol: of a statement with parameters the portal stays open, and
 * with it a snapshot, for which `create index concurrently` would wait as long as the lock is held.
 */
function tryLock(key: number | bigint): string {
  return `set local idle_in_transaction_session_timeout = 0; select pg_try_advisory_xact_lock(${BigInt(key)})`
}

/**
 * Asks again and again instead of waiting in the server: a statement that waits holds a snapshot, and `create index concurrently` of
 * the one that has the lock would wait for it for ever.
 */
async function takeLock(guard: Guard, key: number | bigint, onWait: () => void): Promise<void> {
  for (let isFirst = true; ; isFirst = false) {
    if ('autocommit' in guard && !guard.autocommit) await guard.rollback()
    await guard.execute('begin')
    const sql = tryLock(key)
    const { rows } = 'autocommit' in guard ? guard.query<[boolean]>(sql) : await guard.query<[boolean]>(sql)
    if (rows[0]?.[0] === true) return
    await guard.execute('rollback')
    if (isFirst) onWait()
    await delay(POLL_MS)
  }
}
