/**
 * Drizzle's session over a blocking connection. Drizzle's builders for PostgreSQL return the session's results without
 * awaiting them. So with a session that returns values they are synchronous, though their declarations say Promise.
 */
import {
  DrizzleQueryError,
  type Logger,
  NoopLogger,
  type Query,
  type SQL,
  type SQLWrapper,
  type TablesRelationalConfig,
  entityKind,
} from 'drizzle-orm'
import { PgDatabase, type PgDialect } from 'drizzle-orm/pg-core'
import type { PgRaw } from 'drizzle-orm/pg-core/query-builders/raw'
import {
  PgPreparedQuery,
  PgSession,
  PgTransaction,
  type PgQueryResultKind,
  type PgTransactionConfig,
  type PreparedQueryConfig,
} from 'drizzle-orm/pg-core/session'
import type { SelectedFieldsOrdered } from 'drizzle-orm/pg-core/query-builders/select.types'
import type { Connection, QueryResult } from '../../../src-sync/index.ts'
import { OBJECTS, POSITIONS, type QueryPlan, type ResultMapper, isMapped, resultOf, statementOf } from './run-query.ts'
import { requireAutocommit } from '../common/require-autocommit.ts'
import { ProgrammingError } from '../../index.ts'
import type { RelationalSchema, SyncpgQueryResultHKT } from './session.ts'

/** For `requireAutocommit`. Drizzle's own transactions would be savepoints of a transaction that nobody commits. */
const DRIZZLE = ['drizzleSync', 'Drizzle begins transactions itself'] as const

/** The type of values that Drizzle's declarations call promises. */
type Claimed<T> = Promise<T>

class SyncPreparedQuery<T extends PreparedQueryConfig> extends PgPreparedQuery<T> {
  static override readonly [entityKind]: string = 'SyncpgSyncPreparedQuery'
  readonly #connection: Connection
  readonly #plan: QueryPlan
  readonly #logger: Logger
  readonly #isBuilt: boolean

  /** @param isBuilt whether a builder's `then` or `executeSync` runs it, not the session itself */
  constructor(connection: Connection, plan: QueryPlan, logger: Logger, isBuilt: boolean) {
    super(plan.query, undefined, undefined)
    this.#isBuilt = isBuilt
    this.#connection = connection
    this.#plan = plan
    this.#logger = logger
  }

  override execute(placeholderValues?: Record<string, unknown>): Claimed<T['execute']> {
    if (this.#isBuilt) requireExecuteSync(placeholderValues)
    const plan = this.#plan
    const answer = this.#ask(placeholderValues, isMapped(plan) ? POSITIONS : OBJECTS)
    const { joinsNotNullableMap } = this as { joinsNotNullableMap?: Record<string, boolean> }
    return resultOf(plan, answer, joinsNotNullableMap) as Claimed<T['execute']>
  }

  all(placeholderValues?: Record<string, unknown>): Claimed<T['all']> {
    return this.#ask(placeholderValues, OBJECTS).rows as unknown as Claimed<T['all']>
  }

  #ask(values: Record<string, unknown> | undefined, rows: typeof POSITIONS | typeof OBJECTS): QueryResult<unknown> {
    const statement = statementOf(this.#plan, values)
    this.#logger.logQuery(statement.sql, statement.params)
    requireAutocommit(this.#connection, ...DRIZZLE)
    try {
      return this.#connection.query(statement, null, rows)
    } catch (error) {
      throw new DrizzleQueryError(statement.sql, statement.params, error as Error)
    }
  }
}

export class SyncSession<
  TFullSchema extends Record<string, unknown>,
  TSchema extends TablesRelationalConfig,
> extends PgSession<SyncpgQueryResultHKT, TFullSchema, TSchema> {
  static override readonly [entityKind]: string = 'SyncpgSyncSession'
  readonly #connection: Connection
  readonly #schema: RelationalSchema<TSchema> | undefined
  readonly #logger: Logger

  constructor(
    connection: Connection,
    dialect: PgDialect,
    schema: RelationalSchema<TSchema> | undefined,
    logger: Logger = new NoopLogger(),
  ) {
    super(dialect)
    requireAutocommit(connection, ...DRIZZLE)
    this.#connection = connection
    this.#schema = schema
    this.#logger = logger
  }

  override prepareQuery<T extends PreparedQueryConfig = PreparedQueryConfig>(
    query: Query,
    fields: SelectedFieldsOrdered | undefined,
    _name: string | undefined,
    isResponseInArrayMode: boolean,
    mapper?: ResultMapper,
  ): PgPreparedQuery<T> {
    return new SyncPreparedQuery<T>(this.#connection, { query, fields, mapper }, this.#logger, isResponseInArrayMode)
  }

  /** Runs a function in a transaction, or in a savepoint of the one that is open. */
  override transaction<T>(
    run: (tx: SyncTransaction<TFullSchema, TSchema>) => Claimed<T>,
    config?: PgTransactionConfig,
  ): Claimed<T> {
    requireAutocommit(this.#connection, ...DRIZZLE)
    const tx = new SyncTransaction<TFullSchema, TSchema>(this.dialect, this, this.#schema)
    const result: unknown = this.#connection.transaction(() => {
      if (config !== undefined && Object.keys(config).length > 0) void tx.setTransaction(config)
      return run(tx) as unknown
    })
    return result as Claimed<T>
  }

  override count(query: SQL): Claimed<number> {
    const { rows } = this.execute<QueryResult<{ count: unknown }>>(query) as unknown as QueryResult<{ count: unknown }>
    return Number(rows[0]?.count) as unknown as Claimed<number>
  }
}

type RawQuery<TRow> = PgRaw<PgQueryResultKind<SyncpgQueryResultHKT, TRow>>

/** A database whose transactions and queries block. */
export class SyncDatabase<TSchema extends Record<string, unknown>> extends PgDatabase<SyncpgQueryResultHKT, TSchema> {
  static override readonly [entityKind]: string = 'SyncpgSyncDatabase'

  override execute<TRow extends Record<string, unknown>>(query: SQLWrapper | string): RawQuery<TRow> {
    return notAwaited(super.execute<TRow>(query))
  }
}

/** Wraps raw SQL, whose own `execute` does not pass the placeholder values on. */
function notAwaited<T>(raw: PgRaw<T>): PgRaw<T> {
  const { execute } = raw
  const run = (placeholderValues?: Record<string, unknown>): Promise<T> => {
    requireExecuteSync(placeholderValues)
    return execute()
  }
  return Object.assign(raw, { execute: run })
}

export class SyncTransaction<
  TFullSchema extends Record<string, unknown>,
  TSchema extends TablesRelationalConfig,
> extends PgTransaction<SyncpgQueryResultHKT, TFullSchema, TSchema> {
  static override readonly [entityKind]: string = 'SyncpgSyncTransaction'

  override execute<TRow extends Record<string, unknown>>(query: SQLWrapper | string): RawQuery<TRow> {
    return notAwaited(super.execute<TRow>(query))
  }

  override transaction<T>(run: (tx: SyncTransaction<TFullSchema, TSchema>) => Claimed<T>): Claimed<T> {
    const { session } = this as unknown as { session: SyncSession<TFullSchema, TSchema> }
    return session.transaction(run)
  }
}

/**
 * Refuses a builder that is awaited, before its query runs. Drizzle's `then` would run it and look for a promise in the result.
 * `executeSync` always passes values; `then` passes none.
 */
function requireExecuteSync(placeholderValues: Record<string, unknown> | undefined): void {
  if (placeholderValues !== undefined) return
  throw new ProgrammingError('do not await a query of drizzleSync: executeSync(query) returns its result')
}
