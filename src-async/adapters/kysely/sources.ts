/** Where Kysely's driver gets connections: from a pool, or from one connection on which queries take turns. */
import type { Connection as BlockingConnection } from '../../../src-sync/index.ts'
import type { Connection, Pool } from '../../index.ts'
import { takeTurn } from '../common/turns.ts'
import { requireAutocommit } from '../common/require-autocommit.ts'

/** A connection of either API. */
export type AnyConnection = Connection | BlockingConnection

/** For `requireAutocommit`. */
const KYSELY = ['SyncpgDialect', 'Kysely begins transactions itself'] as const
const IN_BACKGROUND = { awaitReset: false } as const

export interface ConnectionSource {
  /** Whether other code may use the connection beside Kysely, and may have begun a transaction. */
  readonly isShared: boolean
  acquire(): Promise<AnyConnection>
  /** @param isBroken whether the connection must not be used again */
  release(connection: AnyConnection, isBroken: boolean): Promise<void>
  close(): Promise<void>
}

/** Lends a pool's connections. */
export function poolSource(given: Pool | (() => Pool | Promise<Pool>)): ConnectionSource {
  let opening: Promise<Pool> | null = null
  const open = (): Promise<Pool> => {
    if (opening !== null) return opening
    const opened = Promise.resolve(typeof given === 'function' ? given() : given)
    opening = opened
    // After a failure the next query tries again, because the server may be up again by then.
    opened.catch(() => {
      if (opening === opened) opening = null
    })
    return opened
  }
  return {
    isShared: false,
    async acquire() {
      const pool = await open()
      return pool.acquire()
    },
    async release(lent, isBroken) {
      const connection = lent as Connection
      if (isBroken) connection.terminate()
      const pool = await open()
      // Kysely waits for the release before it gives the query's result.
      await pool.release(connection, IN_BACKGROUND)
    },
    async close() {
      if (opening === null && typeof given === 'function') return
      const pool = await open()
      await pool.close()
    },
  }
}

/**
 * Lends one connection to one query or transaction at a time, across all Kysely objects. Queries of Drizzle on it wait as well.
 * @throws ProgrammingError for a blocking one without autocommit
 */
export function singleSource(connection: AnyConnection): ConnectionSource {
  requireAutocommit(connection, ...KYSELY)
  let end: () => void = () => {}
  return {
    isShared: true,
    async acquire() {
      const endOfTurn = await takeTurn(connection)
      try {
        requireAutocommit(connection, ...KYSELY)
      } catch (error) {
        endOfTurn()
        throw error
      }
      end = endOfTurn
      return connection
    },
    async release() {
      end()
    },
    async close() {},
  }
}
