/** Drizzle's session over `syncpg/async`: a pool, or one connection. */
import { type Cache, NoopCache } from 'drizzle-orm/cache/core'
import type { WithCacheConfig } from 'drizzle-orm/cache/core/types'
import { type Logger, NoopLogger, type Query, type TablesRelationalConfig, entityKind, sql } from 'drizzle-orm'
import type { PgDialect } from 'drizzle-orm/pg-core'
import {
  PgPreparedQuery,
  type PgQueryResultHKT,
  PgSession,
  PgTransaction,
  type PgTransactionConfig,
  type PreparedQueryConfig,
} from 'drizzle-orm/pg-core/session'
import type { SelectedFieldsOrdered } from 'drizzle-orm/pg-core/query-builders/select.types'
import type { Connection, Pool, QueryResult } from '../../index.ts'
import { inTurn, quiet, takeTurn, withTurn } from '../common/turns.ts'
import { OBJECTS, POSITIONS, type QueryPlan, type ResultMapper, isMapped, resultOf, statementOf } from './run-query.ts'

/** Where `drizzle` runs its queries: a pool or a connection. */
export type DrizzleClient = Pool | Connection

/** The type of the result of `db.execute(sql)`. */
export interface SyncpgQueryResultHKT extends PgQueryResultHKT {
  /** The result of a query without a type of its own. */
  readonly type: QueryResult<this['row']>
}

/** The data about a query that Drizzle gives for its cache. */
export interface QueryMetadata {
  type: 'select' | 'update' | 'delete' | 'insert'
  tables: string[]
}

/** The tables and relations of a database, as Drizzle has computed them. */
export interface RelationalSchema<TSchema extends TablesRelationalConfig> {
  fullSchema: Record<string, unknown>
  schema: TSchema
  tableNamesMap: Record<string, string>
}

export interface SessionOptions {
  readonly logger?: Logger | undefined
  readonly cache?: Cache | undefined
  /** Whether this is the session of a transaction. No other code uses its connection until it ends. */
  readonly isInner?: boolean | undefined
}

export class SyncpgPreparedQuery<T extends PreparedQueryConfig> extends PgPreparedQuery<T> {
  static override readonly [entityKind]: string = 'SyncpgPreparedQuery'
  readonly #client: DrizzleClient
  readonly #plan: QueryPlan
  readonly #logger: Logger
  readonly #isInner: boolean

  constructor(
    client: DrizzleClient,
    plan: QueryPlan,
    { logger = new NoopLogger(), cache = new NoopCache(), isInner = false }: SessionOptions,
    metadata: QueryMetadata | undefined,
    cacheConfig: WithCacheConfig | undefined,
  ) {
    super(plan.query, cache, metadata, cacheConfig)
    this.#client = client
    this.#plan = plan
    this.#logger = logger
    this.#isInner = isInner
  }

  async execute(placeholderValues?: Record<string, unknown>): Promise<T['execute']> {
    const plan = this.#plan
    const answer = await this.#ask(placeholderValues, isMapped(plan) ? POSITIONS : OBJECTS)
    const { joinsNotNullableMap } = this as { joinsNotNullableMap?: Record<string, boolean> }
    return resultOf(plan, answer, joinsNotNullableMap)
  }

  async all(placeholderValues?: Record<string, unknown>): Promise<T['all']> {
    return (await this.#ask(placeholderValues, OBJECTS)).rows
  }

  #ask(
    values: Record<string, unknown> | undefined,
    rows: typeof POSITIONS | typeof OBJECTS,
  ): Promise<QueryResult<unknown>> {
    const statement = statementOf(this.#plan, values)
    this.#logger.logQuery(statement.sql, statement.params)
    const client = this.#client
    const ask = (): Promise<QueryResult<unknown>> => client.query(statement, undefined, rows)
    return this.#cached(statement, () => {
      if (isPool(client)) return ask()
      return this.#isInner ? inTurn(client, ask) : betweenTransactions(client, ask)
    })
  }

  /**
   * Runs a query through Drizzle's cache, which also wraps errors in Drizzle's class. Drizzle's declarations do not
   * have this method.
   */
  #cached(
    statement: { sql: string; params: unknown[] },
    run: () => Promise<QueryResult<unknown>>,
  ): Promise<QueryResult<unknown>> {
    const { queryWithCache } = this as unknown as {
      queryWithCache<R>(sql: string, params: unknown[], run: () => Promise<R>): Promise<R>
    }
    return queryWithCache.call(this, statement.sql, statement.params, run) as Promise<QueryResult<unknown>>
  }
}

export class SyncpgSession<
  TFullSchema extends Record<string, unknown>,
  TSchema extends TablesRelationalConfig,
> extends PgSession<SyncpgQueryResultHKT, TFullSchema, TSchema> {
  static override readonly [entityKind]: string = 'SyncpgSession'
  readonly #client: DrizzleClient
  readonly #schema: RelationalSchema<TSchema> | undefined
  readonly #options: SessionOptions

  constructor(
    client: DrizzleClient,
    dialect: PgDialect,
    schema: RelationalSchema<TSchema> | undefined,
    options: SessionOptions,
  ) {
    super(dialect)
    this.#client = client
    this.#schema = schema
    this.#options = options
  }

  override prepareQuery<T extends PreparedQueryConfig = PreparedQueryConfig>(
    query: Query,
    fields: SelectedFieldsOrdered | undefined,
    _name: string | undefined,
    _isResponseInArrayMode: boolean,
    mapper?: ResultMapper,
    metadata?: QueryMetadata,
    cacheConfig?: WithCacheConfig,
  ): PgPreparedQuery<T> {
    return new SyncpgPreparedQuery<T>(this.#client, { query, fields, mapper }, this.#options, metadata, cacheConfig)
  }

  override async transaction<T>(
    run: (tx: SyncpgTransaction<TFullSchema, TSchema>) => Promise<T>,
    config?: PgTransactionConfig,
  ): Promise<T> {
    const client = this.#client
    if (isPool(client))
      return client.withConnection((connection) => this.#transaction(connection, run, config), { awaitReset: false })
    if (this.#options.isInner === true) return this.#transaction(client, run, config)
    return withTurn(client, () => this.#transaction(client, run, config))
  }

  async #transaction<T>(
    connection: Connection,
    run: (tx: SyncpgTransaction<TFullSchema, TSchema>) => Promise<T>,
    config: PgTransactionConfig | undefined,
  ): Promise<T> {
    const options = { ...this.#options, isInner: true }
    const session = new SyncpgSession<TFullSchema, TSchema>(connection, this.dialect, this.#schema, options)
    const tx = new SyncpgTransaction<TFullSchema, TSchema>(this.dialect, session, this.#schema)
    await quiet(connection)
    return connection.transaction(async () => {
      try {
        if (config !== undefined && Object.keys(config).length > 0) await tx.setTransaction(config)
        return await run(tx)
      } finally {
        // If one query of a `Promise.all` fails, the others still belong to this transaction, so it ends only after
        // them.
        await quiet(connection)
      }
    })
  }

  override async count(query: ReturnType<typeof sql>): Promise<number> {
    const { rows } = await this.execute<QueryResult<{ count: unknown }>>(query)
    return Number(rows[0]?.count)
  }
}

export class SyncpgTransaction<
  TFullSchema extends Record<string, unknown>,
  TSchema extends TablesRelationalConfig,
> extends PgTransaction<SyncpgQueryResultHKT, TFullSchema, TSchema> {
  static override readonly [entityKind]: string = 'SyncpgTransaction'

  override async transaction<T>(run: (tx: SyncpgTransaction<TFullSchema, TSchema>) => Promise<T>): Promise<T> {
    const { dialect, session } = this as unknown as {
      dialect: PgDialect
      session: SyncpgSession<TFullSchema, TSchema>
    }
    const savepoint = sql.identifier(`sp${this.nestedIndex + 1}`)
    const inner = new SyncpgTransaction<TFullSchema, TSchema>(
      dialect,
      session,
      this.schema as RelationalSchema<TSchema> | undefined,
      this.nestedIndex + 1,
    )
    await inner.execute(sql`savepoint ${savepoint}`)
    try {
      const result = await run(inner)
      await inner.execute(sql`release savepoint ${savepoint}`)
      return result
    } catch (error) {
      await inner.execute(sql`rollback to savepoint ${savepoint}`)
      throw error
    }
  }
}

function isPool(client: DrizzleClient): client is Pool {
  return 'withConnection' in client
}

/**
 * Runs a query that was built with the connection's database object and not with that of a transaction. It waits until
 * the transactions before it on this connection have ended.
 */
async function betweenTransactions<T>(connection: Connection, ask: () => Promise<T>): Promise<T> {
  const endTurn = await takeTurn(connection)
  try {
    return await inTurn(connection, ask)
  } finally {
    endTurn()
  }
}
