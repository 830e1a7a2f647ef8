/**
 * The lock behind BEGIN IMMEDIATE: transactions that will write wait for each other at the start instead of failing halfway.
 * PostgreSQL has no lock on a whole database, so this is an advisory lock. It is taken before the transaction begins, because
 * a serializable transaction sees nothing newer than its first statement.
 */
import type { Connection } from '../index.ts'

/** The mode in which a transaction begins. */
export type TransactionMode = 'deferred' | 'immediate' | 'exclusive'

/** `syncpg` in ASCII, and 1. All programs that use this module on one database must use this key. */
const LOCK_KEY = '8320803159910318081'

export class WriteLock {
  #isHeld = false

  /** Waits until no other transaction holds the lock. @throws LockNotAvailableError after the option `timeout`. */
  take(connection: Connection): void {
    connection.execute(`select pg_catalog.pg_advisory_lock(${LOCK_KEY})`)
    this.#isHeld = true
  }

  /** Releases the lock once the transaction is over. When a connection closes, the server releases its lock. */
  settle(connection: Connection): void {
    if (!this.#isHeld || connection.closed) return
    if (connection.info.status !== 'idle') return
    this.#isHeld = false
    connection.execute(`select pg_catalog.pg_advisory_unlock(${LOCK_KEY})`)
  }
}
