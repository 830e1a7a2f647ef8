/** A lock around umzug's commands. It ends with its connection, behind a pooler too. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Connection as BlockingConnection } from '../../../src-sync/index.ts'
import { type Connection, OperationalError, ProgrammingError } from '../../index.ts'
import { requireOptions } from '../common/require-options.ts'

/** The part of umzug that the lock uses. */
export interface LockedUmzug {
  /**
   * Umzug's events, of which the lock needs those before and after a command, and before and after each migration.
   * @example umzug.on('beforeCommand', async () => console.log('takes the lock'))
   */
  on(event: UmzugEvent, listener: () => Promise<void>): unknown
}

type UmzugEvent = 'beforeCommand' | 'afterCommand' | 'migrating' | 'migrated' | 'reverting' | 'reverted'

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
 * mode, and it ends with the process. The lock is checked before each migration and at the end. If the server or a pooler has
 * closed its connection, another process may be migrating, so the command fails with an OperationalError and runs no further
 * migration.
 * @param connectGuard returns the connection that holds the lock; it is closed afterwards
 * @example oneAtATime(umzug, () => connect(dsn))
 */
export function oneAtATime(
  umzug: LockedUmzug,
  connectGuard: () => Guard | Promise<Guard>,
  options: LockOptions = {},
): void {
  requireOptions(options, ['key', 'onWait'], 'oneAtATime')
  const { key = 7431, onWait = () => {} } = options
  requireKey(key)
  const guards: Guard[] = []
  // True from the start of a migration until umzug has recorded it. If it fails, umzug throws its error, and the check
  // at the end must not replace that error.
  let isWithin = false
  const before = async (): Promise<void> => {
    isWithin = true
    for (const guard of guards) await requireLock(guard)
  }
  const after = async (): Promise<void> => {
    isWithin = false
  }
  umzug.on('beforeCommand', async () => {
    isWithin = false
    const guard = await connectGuard()
    try {
      await takeLock(guard, key, onWait)
    } catch (error) {
      await guard.close()
      throw error
    }
    guards.push(guard)
  })
  umzug.on('migrating', before)
  umzug.on('reverting', before)
  umzug.on('migrated', after)
  umzug.on('reverted', after)
  umzug.on('afterCommand', async () => {
    const guard = guards.pop()
    if (guard === undefined) return
    try {
      if (!isWithin) await requireLock(guard)
    } finally {
      if (!guard.closed) await guard.close()
    }
  })
}

function requireKey(key: unknown): void {
  if (typeof key === 'bigint' || Number.isSafeInteger(key)) return
  throw new ProgrammingError(`oneAtATime: key: expected a whole number or a bigint, got ${String(key).slice(0, 40)}`)
}

/**
 * @throws OperationalError if the connection was closed or its transaction has ended, because the lock ended then too.
 */
async function requireLock(guard: Guard): Promise<void> {
  let cause: unknown
  try {
    await guard.ping()
    if (guard.info.status === 'in-transaction') return
  } catch (error) {
    cause = error
  }
  throw new OperationalError(
    'syncpg/umzug: the connection that holds the lock was closed, so another process may have migrated at the same time',
    {
      ...(cause === undefined ? {} : { cause }),
      hint: 'the migrations that have run are recorded: check whether one ran twice. A time limit of a pooler or a firewall may have closed the connection',
    },
  )
}

/**
 * One text with several statements, so that it is sent by the simple protocol. The portal of a statement with
 * parameters would stay open and keep a snapshot, and `create index concurrently` would wait for that snapshot as long
 * as the lock is held.
 * The server must not end the transaction by a time limit. All versions have the first limit, PostgreSQL 17 and later the second.
 */
function tryLock(key: number | bigint): string {
  const limit = "select set_config(name, '0', true) from pg_catalog.pg_settings where name = 'transaction_timeout'"
  return `set local idle_in_transaction_session_timeout = 0; ${limit}; select pg_try_advisory_xact_lock(${BigInt(key)})`
}

/**
 * Takes the lock. It polls and does not wait in the server, because a waiting statement holds a snapshot, and a `create
 * index concurrently` in the process that has the lock would wait for that snapshot forever.
 */
async function takeLock(guard: Guard, key: number | bigint, onWait: () => void): Promise<void> {
  for (let isFirst = true; ; isFirst = false) {
    if ('autocommit' in guard && !guard.autocommit) guard.rollback()
    await guard.execute('begin')
    const sql = tryLock(key)
    const { rows } = 'autocommit' in guard ? guard.query<[boolean]>(sql) : await guard.query<[boolean]>(sql)
    if (rows[0]?.[0] === true) return
    await guard.execute('rollback')
    if (isFirst) onWait()
    await delay(POLL_MS)
  }
}
