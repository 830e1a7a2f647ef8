/** A lock around umzug's commands. It ends with its connection, behind a pooler too. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Connection as BlockingConnection } from '../../../src-sync/index.ts'
import type { Connection } from '../../index.ts'

/** The part of umzug that the lock uses. */
export interface LockedUmzug {
  /** Adds a listener. The lock listens to the events before and after a command. */
  on(event: 'beforeCommand' | 'afterCommand', listener: () => Promise<void>): unknown
}

export interface LockOptions {
  /** The number of the lock. All programs that migrate this database must use the same. Default 7431. */
  readonly key?: number | bigint
  /** Called once if another migration is running and this one waits. */
  readonly onWait?: () => void
}

type Guard = BlockingConnection | Connection

const POLL_MS = 200

/**
 * Lets one command of umzug run at a time on a database: a second process waits until the first is done. The lock is an
 * advisory one, held by an open transaction on a connection of its own. So it works behind a pooler in transaction
 * mode, and it ends with the process.
 * @param connectGuard returns the connection that holds the lock; it is closed afterwards
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
 * One text with several statements, so that it is sent by the simple protocol. The portal of a statement with
 * parameters would stay open and keep a snapshot, and `create index concurrently` would wait for that snapshot as long
 * as the lock is held.
 */
function tryLock(key: number | bigint): string {
  return `set local idle_in_transaction_session_timeout = 0; select pg_try_advisory_xact_lock(${BigInt(key)})`
}

/**
 * Takes the lock. It polls and does not wait in the server, because a waiting statement holds a snapshot, and a `create
 * index concurrently` in the process that has the lock would wait for that snapshot forever.
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
