/** Kysely's dialect over syncpg: Kysely's own SQL for PostgreSQL, and syncpg's connections. */
import {
  type DatabaseIntrospector,
  type Dialect,
  type DialectAdapter,
  type Driver,
  type Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryCompiler,
} from 'kysely'
import type { Connection as BlockingConnection } from '../../../src-sync/index.ts'
import { type Connection, type Pool, ProgrammingError } from '../../index.ts'
import { requireOptions } from '../common/require-options.ts'
import { type ConnectionHook, SyncpgDriver } from './driver.ts'
import { poolSource, singleSource } from './sources.ts'

/** The options of `SyncpgDialect` beside its connections. */
export interface SyncpgDialectHooks {
  /**
   * Called each time a connection is taken for a query or a transaction. To prepare each new connection once, use
   * `createPool({ init })`.
   */
  readonly onReserveConnection?: ConnectionHook | undefined
}

/** Where `SyncpgDialect` gets its connections from: a pool, or one connection. */
export type SyncpgDialectConfig = SyncpgDialectHooks &
  (
    | {
        /**
         * A pool of `syncpg/async`, or a function that returns one and is called at the first query. `db.destroy()`
         * closes the pool.
         */
        readonly pool: Pool | (() => Pool | Promise<Pool>)
        readonly connection?: undefined
      }
    | {
        /**
         * One connection of either API, for scripts and migrations. Queries take turns on it. A blocking connection has
         * to be in autocommit, because Kysely begins transactions itself. `db.destroy()` leaves it open.
         */
        readonly connection: Connection | BlockingConnection
        readonly pool?: undefined
      }
  )

/**
 * A dialect for Kysely.
 * @example
 *   import { createPool } from 'syncpg/async'
 *   import { SyncpgDialect } from 'syncpg/kysely'
 *
 *   const db = new Kysely<Database>({ dialect: new SyncpgDialect({ pool: await createPool(dsn) }) })
 */
export class SyncpgDialect implements Dialect {
  readonly #config: SyncpgDialectConfig

  /** @throws ProgrammingError for an unknown option, and unless there is either a pool or a connection. */
  constructor(config: SyncpgDialectConfig) {
    requireOptions(config, ['pool', 'connection', 'onReserveConnection'], 'SyncpgDialect')
    if ((config.pool === undefined) === (config.connection === undefined)) {
      throw new ProgrammingError('SyncpgDialect: expected either a pool or a connection', {
        hint: 'new SyncpgDialect({ pool: await createPool(dsn) })',
      })
    }
    this.#config = config
  }

  /**
   * Called by Kysely. Returns the driver, which takes connections and runs queries on them.
   * @example const driver = new SyncpgDialect({ pool }).createDriver()
   */
  createDriver(): Driver {
    const { pool, connection } = this.#config
    const source = pool === undefined ? singleSource(connection) : poolSource(pool)
    return new SyncpgDriver(source, this.#config)
  }

  /**
   * Called by Kysely. Returns Kysely's own compiler for PostgreSQL.
   * @example const compiler = new SyncpgDialect({ pool }).createQueryCompiler()
   */
  createQueryCompiler(): QueryCompiler {
    return new PostgresQueryCompiler()
  }

  /**
   * Called by Kysely. Returns Kysely's own adapter for PostgreSQL, which says what the database can do.
   * @example console.log(new SyncpgDialect({ pool }).createAdapter().supportsReturning) // true
   */
  createAdapter(): DialectAdapter {
    return new PostgresAdapter()
  }

  /**
   * Called for `db.introspection`. Returns Kysely's own introspector for PostgreSQL.
   * @example
   *   const tables = await new SyncpgDialect({ pool }).createIntrospector(db).getTables()
   *   console.log(tables.map(({ name }) => name).includes('person')) // true
   */
  // Kysely's own signature: an introspector takes a database of any tables.
  // oxlint-disable-next-line typescript/no-explicit-any
  createIntrospector(db: Kysely<any>): DatabaseIntrospector {
    return new PostgresIntrospector(db)
  }
}
