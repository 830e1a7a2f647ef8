/** Stores which migrations were run, in a table of the migrated database. */
import type { Connection as BlockingConnection } from '../../../src-sync/index.ts'
import { type Connection, type Pool, ProgrammingError, quoteIdentifier } from '../../index.ts'

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
  readonly #table: string
  #isThere = false

  /**
   * @throws ProgrammingError for a blocking connection that is not in autocommit, because its changes would never be
   *   committed.
   */
  constructor(connection: MigrationConnection, { table = 'umzug', schema }: SyncpgStorageOptions = {}) {
    requireAutocommit(connection)
    this.#connection = connection
    this.#table = schema === undefined ? quoteIdentifier(table) : quoteIdentifier(schema, table)
  }

  /** Called by umzug when a migration has run. Stores its name. */
  async logMigration({ name }: { readonly name: string }): Promise<void> {
    await this.#makeTable()
    await this.#connection.execute(`insert into ${this.#table} (name) values ($1)`, [name])
  }

  /** Called by umzug when a migration is undone. Removes its name. */
  async unlogMigration({ name }: { readonly name: string }): Promise<void> {
    await this.#makeTable()
    await this.#connection.execute(`delete from ${this.#table} where name = $1`, [name])
  }

  /** The names of the migrations that were run, sorted. */
  async executed(): Promise<string[]> {
    await this.#makeTable()
    const names = `select array_agg(name order by name) from ${this.#table}`
    return (await this.#connection.fetchval<string[]>(names)) ?? []
  }

  async #makeTable(): Promise<void> {
    if (this.#isThere) return
    // This check comes first, because `create table if not exists` raises a notice when the table exists.
    const found = await this.#connection.fetchval<boolean>('select to_regclass($1) is not null', [this.#table])
    if (found !== true) {
      const columns = 'name text primary key, at timestamptz not null default now()'
      await this.#connection.execute(`create table if not exists ${this.#table} (${columns})`)
    }
    this.#isThere = true
  }
}

/** Whether a connection is a blocking one. */
export function isBlocking(connection: MigrationConnection): connection is BlockingConnection {
  return 'autocommit' in connection
}

export function requireAutocommit(connection: MigrationConnection): void {
  if (!isBlocking(connection) || connection.autocommit) return
  throw new ProgrammingError(
    'syncpg/umzug: a blocking connection has to be in autocommit, because each migration is a transaction of its own: ' +
      'connect(dsn, { autocommit: true })',
  )
}
