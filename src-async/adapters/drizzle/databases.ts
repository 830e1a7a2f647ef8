/** Drizzle's databases over syncpg: one whose queries are awaited, and one whose queries return values. */
import {
  type DrizzleConfig,
  DefaultLogger,
  type ExtractTablesWithRelations,
  type Logger,
  type SQL,
  type TablesRelationalConfig,
  createTableRelationsHelpers,
  entityKind,
  extractTablesRelationalConfig,
  is,
  sql,
} from 'drizzle-orm'
import { type MigrationConfig, readMigrationFiles } from 'drizzle-orm/migrator'
import { PgDatabase, PgDialect, type PgTransactionConfig } from 'drizzle-orm/pg-core'
import { PgRelationalQuery } from 'drizzle-orm/pg-core/query-builders/query'
import type { Connection as BlockingConnection } from '../../../src-sync/index.ts'
import { ProgrammingError } from '../../index.ts'
import { requireOptions } from '../common/require-options.ts'
import { type DrizzleClient, type RelationalSchema, SyncpgSession, type SyncpgQueryResultHKT } from './session.ts'
import { SyncDatabase, SyncSession } from './sync-session.ts'

type Schema = Record<string, unknown>

/**
 * A Drizzle database over `syncpg/async`.
 * @example
 *   const db = drizzle(await createPool(dsn), { schema })
 *   console.log(db instanceof SyncpgDatabase) // true
 */
export class SyncpgDatabase<TSchema extends Schema = Record<string, never>> extends PgDatabase<
  SyncpgQueryResultHKT,
  TSchema
> {
  static override readonly [entityKind]: string = 'SyncpgDatabase'
}

/**
 * A Drizzle database over a blocking connection. Its builders are those of Drizzle. `executeSync` returns their results
 * at once, and `transaction` takes a function that returns a value.
 */
export interface SyncpgSyncDatabase<TSchema extends Schema = Record<string, never>> extends Omit<
  PgDatabase<SyncpgQueryResultHKT, TSchema>,
  'transaction'
> {
  /**
   * Runs a function in a transaction; inside another one, in a savepoint. If the function throws, its work is rolled
   * back.
   * @throws the error of the function
   * @example
   *   const db = drizzleSync(connect(dsn, { autocommit: true }), { schema })
   *   db.transaction((tx) => executeSync(tx.insert(schema.users).values({ id: 1, name: 'Ann' })))
   *   console.log(executeSync(db.select().from(schema.users)).length) // 1
   */
  transaction<T>(run: (tx: SyncpgSyncDatabase<TSchema>) => T, config?: PgTransactionConfig): T
}

/**
 * A Drizzle database over a pool or a connection of `syncpg/async`.
 * @example
 *   const db = drizzle(await createPool(dsn), { schema })
 *   const users = await db.query.users.findMany({ with: { posts: true } })
 */
export function drizzle<TSchema extends Schema = Record<string, never>>(
  client: DrizzleClient,
  config: DrizzleConfig<TSchema> = {},
): SyncpgDatabase<TSchema> & { $client: DrizzleClient } {
  requireOptions(config, ['schema', 'logger', 'casing', 'cache'], 'drizzle')
  const { dialect, schema, logger } = partsOf(config)
  const { cache } = config
  const session = new SyncpgSession<TSchema, TablesRelationalConfig>(client, dialect, schema, { logger, cache })
  const db = new SyncpgDatabase<TSchema>(dialect, session as never, schema as never)
  if (cache !== undefined)
    Object.assign(db, { $cache: Object.assign(cache, { invalidate: cache.onMutate.bind(cache) }) })
  return Object.assign(db, { $client: client })
}

/**
 * A Drizzle database over a blocking connection. It has to be in autocommit, because Drizzle begins transactions itself.
 * @example
 *   const db = drizzleSync(connect(dsn, { autocommit: true }), { schema })
 *   const users = executeSync(db.select().from(schema.users))
 * @throws ProgrammingError for a connection without autocommit. If autocommit is turned off later, each query throws this error
 */
export function drizzleSync<TSchema extends Schema = Record<string, never>>(
  connection: BlockingConnection,
  config: Omit<DrizzleConfig<TSchema>, 'cache'> = {},
): SyncpgSyncDatabase<TSchema> & { $client: BlockingConnection } {
  requireOptions(config, ['schema', 'logger', 'casing'], 'drizzleSync')
  const { dialect, schema, logger } = partsOf(config)
  const session = new SyncSession<TSchema, TablesRelationalConfig>(connection, dialect, schema, logger)
  const db = new SyncDatabase<TSchema>(dialect, session as never, schema as never)
  return Object.assign(db as unknown as SyncpgSyncDatabase<TSchema>, { $client: connection })
}

/** A query that Drizzle's builders have made, or the result of its `prepare()`. */
export interface DrizzleQuery<T> {
  /**
   * Runs the query, as `await` does.
   * @example
   *   const db = drizzle(await createPool(dsn), { schema })
   *   const users = await db.select().from(schema.users).execute()
   *   console.log(users) // []
   */
  execute(placeholderValues?: Record<string, unknown>): Promise<T>
}

/**
 * Runs a query of a database that `drizzleSync` made, or of its transaction, and returns the result.
 * @param placeholderValues values of `sql.placeholder(…)`
 * @throws DrizzleQueryError with the driver's error as its cause; ProgrammingError for a query of another database
 * @example
 *   const db = drizzleSync(connect(dsn, { autocommit: true }), { schema })
 *   executeSync(db.insert(schema.users).values({ id: 1, name: 'Ann' }))
 *   console.log(executeSync(db.select().from(schema.users))) // [ { id: 1, name: 'Ann' } ]
 */
export function executeSync<T>(query: DrizzleQuery<T>, placeholderValues: Record<string, unknown> = {}): T {
  if (typeof (query as Partial<DrizzleQuery<T>> | null)?.execute !== 'function') {
    throw new ProgrammingError('executeSync: expected a query that Drizzle has built')
  }
  // A relational query's own `execute` does not pass the placeholder values on.
  const runnable = is(query, PgRelationalQuery) ? query.prepare('') : query
  const result: unknown = runnable.execute(placeholderValues)
  if (typeof (result as PromiseLike<unknown> | null | undefined)?.then === 'function') {
    // The query has been started and cannot be stopped. Its own error is dropped, because the error below is thrown.
    void Promise.resolve(result).catch(() => {})
    throw new ProgrammingError(
      'executeSync: the query belongs to an asynchronous database: build it with the database that drizzleSync returns',
    )
  }
  return result as T
}

/**
 * Runs those migrations of drizzle-kit that the database does not have yet, in one transaction. Programs that migrate at the
 * same time take turns.
 * @throws the server's error; the migrations of this run are rolled back then
 * @example
 *   const db = drizzle(await createPool(dsn))
 *   await migrate(db, { migrationsFolder: 'drizzle' })
 */
export async function migrate<TSchema extends Schema>(
  db: SyncpgDatabase<TSchema>,
  config: MigrationConfig,
): Promise<void> {
  const migrations = readMigrationFiles(config)
  await db.transaction(async (tx) => {
    for (const statement of openRecord(config)) await tx.execute(statement)
    const { dialect, session } = tx as unknown as { dialect: PgDialect; session: never }
    // Inside this transaction, the one that Drizzle's `migrate` begins is a savepoint.
    await dialect.migrate(migrations, session, config)
  })
}

/**
 * Runs those migrations of drizzle-kit that a database made by `drizzleSync` does not have yet, in one transaction.
 * `migrate` uses the same table, so you can use either.
 * @throws the server's error; the migrations of this run are rolled back then
 * @example
 *   const db = drizzleSync(connect(dsn, { autocommit: true }))
 *   migrateSync(db, { migrationsFolder: 'drizzle' })
 */
export function migrateSync<TSchema extends Schema>(db: SyncpgSyncDatabase<TSchema>, config: MigrationConfig): void {
  const table = recordOf(config)
  const migrations = readMigrationFiles(config)
  db.transaction((tx) => {
    const run = (statement: SQL): void => void executeSync(tx.execute(statement))
    openRecord(config).forEach(run)
    const { rows } = executeSync(tx.execute<{ last: string | null }>(sql`select max(created_at) as last from ${table}`))
    const last = Number(rows[0]?.last ?? -1)
    for (const { folderMillis, hash, sql: statements } of migrations) {
      if (folderMillis <= last) continue
      for (const statement of statements) run(sql.raw(statement))
      run(sql`insert into ${table} (hash, created_at) values (${hash}, ${folderMillis})`)
    }
  })
}

/** The table in which Drizzle records the migrations that a database has had. */
function recordOf({ migrationsSchema = 'drizzle', migrationsTable = '__drizzle_migrations' }: MigrationConfig): SQL {
  return sql`${sql.identifier(migrationsSchema)}.${sql.identifier(migrationsTable)}`
}

/**
 * Creates the record and waits for other programs that use it. Two programs that run `create schema if not exists` at
 * once make it fail, so the first lock is taken before it. The second is a lock on the record itself: Drizzle's own
 * `migrate`, which takes no lock, waits for it too.
 */
function openRecord(config: MigrationConfig): SQL[] {
  const { migrationsSchema = 'drizzle' } = config
  const table = recordOf(config)
  return [
    sql`select pg_advisory_xact_lock(hashtext(${`syncpg/drizzle ${migrationsSchema}`}))`,
    sql`create schema if not exists ${sql.identifier(migrationsSchema)}`,
    sql`create table if not exists ${table} (id serial primary key, hash text not null, created_at bigint)`,
    sql`lock table ${table} in exclusive mode`,
  ]
}

interface Parts {
  readonly dialect: PgDialect
  readonly schema: RelationalSchema<TablesRelationalConfig> | undefined
  readonly logger: Logger | undefined
}

function partsOf<TSchema extends Schema>({ schema, logger, casing }: DrizzleConfig<TSchema>): Parts {
  const dialect = new PgDialect(casing === undefined ? {} : { casing })
  const log = logger === true ? new DefaultLogger() : logger === false ? undefined : logger
  if (schema === undefined) return { dialect, schema: undefined, logger: log }
  const { tables, tableNamesMap } = extractTablesRelationalConfig<ExtractTablesWithRelations<TSchema>>(
    schema,
    createTableRelationsHelpers,
  )
  return { dialect, schema: { fullSchema: schema, schema: tables, tableNamesMap }, logger: log }
}
