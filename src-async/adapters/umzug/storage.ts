/** Stores which migrations were run, in a table of the migrated database. */
import type { Connection as BlockingConnection } from '../../../src-sync/index.ts'
import { requireOptions } from '../common/require-options.ts'
import { requireAutocommit } from '../common/require-autocommit.ts'
import { type Connection, type Pool, quoteIdentifier } from '../../index.ts'

/** Where migrations run: a blocking connection in autocommit, or a connection or pool of `syncpg/async`. */
export type MigrationConnection = BlockingConnection | Connection | Pool

/** The options of `SyncpgStorage`: where the names of the migrations are stored. */
export interface SyncpgStorageOptions {
  /** The table. Default `umzug`. */
  readonly table?: string
  /** The schema of the table. Without it the search path decides. */
  readonly schema?: string
}

/**
 * umzug's storage. It creates its table when it is first needed.
 * @example new Umzug({ storage: new SyncpgStorage(con), context: con, migrations: [], logger: console })
 */
export class SyncpgStorage {
  readonly #connection: MigrationConnection
  /**
   * The quoted name. Once the table was found it includes the schema, so that a later `set search_path` does not lead
   * to another table.
   */
  #table: string
  readonly #name: string
  #isThere = false

  /**
   * @throws ProgrammingError for a blocking connection that is not in autocommit, because its changes would never be
   *   committed.
   */
  constructor(connection: MigrationConnection, options: SyncpgStorageOptions = {}) {
    requireOptions(options, ['table', 'schema'], 'SyncpgStorage')
    requireOwnTransactions(connection)
    const { table = 'umzug', schema } = options
    this.#connection = connection
    this.#name = table
    this.#table = schema === undefined ? quoteIdentifier(table) : quoteIdentifier(schema, table)
  }

  /**
   * Called by umzug when a migration has run. Stores its name.
   * @example
   *   const storage = new SyncpgStorage(con)
   *   await storage.logMigration({ name: '1-items' })
   *   console.log(await storage.executed()) // [ '1-items' ]
   */
  async logMigration({ name }: { readonly name: string }): Promise<void> {
    await this.#makeTable()
    await this.#connection.execute(`insert into ${this.#table} (name) values ($1)`, [name])
  }

  /**
   * Called by umzug when a migration is undone. Removes its name.
   * @example
   *   const storage = new SyncpgStorage(con)
   *   await storage.logMigration({ name: '1-items' })
   *   await storage.unlogMigration({ name: '1-items' })
   *   console.log(await storage.executed()) // []
   */
  async unlogMigration({ name }: { readonly name: string }): Promise<void> {
    await this.#makeTable()
    await this.#connection.execute(`delete from ${this.#table} where name = $1`, [name])
  }

  /**
   * The names of the migrations that were run, sorted.
   * @example console.log(await new SyncpgStorage(con, { table: 'migrations' }).executed()) // []
   */
  async executed(): Promise<string[]> {
    await this.#makeTable()
    const names = `select array_agg(name order by name) from ${this.#table}`
    return (await this.#connection.fetchval<string[]>(names)) ?? []
  }

  async #makeTable(): Promise<void> {
    if (this.#isThere) return
    // Asked first, because `create table if not exists` raises a notice when the table exists.
    let schema = await this.#schema()
    if (schema === null) {
      const columns = 'name text primary key, at timestamptz not null default now()'
      await this.#connection.execute(`create table if not exists ${this.#table} (${columns})`)
      schema = await this.#schema()
    }
    if (schema !== null) this.#table = quoteIdentifier(schema, this.#name)
    this.#isThere = true
  }

  /** The schema in which the table is; null where there is none. */
  async #schema(): Promise<string | null> {
    const sql = `select nspname::text from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.oid = pg_catalog.to_regclass($1)`
    return await this.#connection.fetchval<string>(sql, [this.#table])
  }
}

/** Whether a connection is a blocking one. */
export function isBlocking(connection: MigrationConnection): connection is BlockingConnection {
  return 'autocommit' in connection
}

/** @throws ProgrammingError for a blocking connection that is not in autocommit. */
export function requireOwnTransactions(connection: MigrationConnection): void {
  requireAutocommit(connection, 'syncpg/umzug', 'each migration is a transaction of its own')
}
