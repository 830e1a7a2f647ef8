/**
 * Transactions as a SQLite program knows them: serializable, and BEGIN IMMEDIATE for those that will write, who wait for
 * each other instead of failing halfway. PostgreSQL has no lock on a whole database, so they take an advisory one, before
 * the transaction begins, because a serializable transaction sees nothing newer than its first statement.
 */
import type { Connection } from '../index.ts'

/** How a transaction begins. */
export type TransactionMode = 'deferred' | 'immediate' | 'exclusive'

/** `syncpg` in ASCII, and 1: the same for all programs that use this module on one database. */
const LOCK_KEY = '8320803159910318081'

export class WriteLock {
  #isHeld = false

  /** Waits until no other transaction holds it. @throws LockNotAvailableError after the option `timeout`. */
  take(connection: Connection): void {
    connection.execute(`select pg_catalog.pg_advisory_lock(${LOCK_KEY})`)
    this.#isHeld = true
  }

  /** Gives it back once the transaction is over; a connection that is gone has given it back. */
  settle(connection: Connection): void {
    if (!this.#isHeld || connection.closed) return
    if (connection.info.status !== 'idle') return
    this.#isHeld = false
    connection.execute(`select pg_catalog.pg_advisory_unlock(${LOCK_KEY})`)
  }
}
