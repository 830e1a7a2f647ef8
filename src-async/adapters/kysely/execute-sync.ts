/**
 * Runs Kysely's queries on a blocking connection, with the row types that Kysely infers. Kysely's own `execute` returns
 * a promise on every dialect. The functions here compile the builder and return the result at once. Plugins transform
 * queries as usual, but their `transformResult` is asynchronous and is not called: use `mapRow` instead.
 */
import {
  type Compilable,
  type CompiledQuery,
  DeleteResult,
  InsertResult,
  MergeResult,
  NoResultError,
  type QueryNode,
  type RootOperationNode,
  UpdateResult,
} from 'kysely'
import { requireOptions } from '../common/require-options.ts'
import type { Connection } from '../../../src-sync/index.ts'
import { ProgrammingError } from '../../index.ts'

/** A query of Kysely whose rows are `O`: a builder, or the result of its `compile()`. */
export type SyncQuery<O> = Compilable<O> | CompiledQuery<O>

/** The options of the blocking calls. */
export interface SyncQueryOptions {
  /**
   * Turns each row, a plain object, into the one that the caller gets. Use it instead of plugins that transform
   * results.
   */
  readonly mapRow?: ((row: Record<string, unknown>) => Record<string, unknown>) | undefined
  /** Milliseconds after which the statement is cancelled. */
  readonly timeout?: number | undefined
}

const QUERY_OPTIONS = ['mapRow', 'timeout']
const FIRST_OPTIONS = [...QUERY_OPTIONS, 'makeError']
const STREAM_OPTIONS = [...QUERY_OPTIONS, 'size']

/** The options of `streamSync`. */
export interface SyncStreamOptions extends SyncQueryOptions {
  /** Rows for each round trip. Default 1000. */
  readonly size?: number | undefined
}

/**
 * Runs a query and returns all its rows. An INSERT, UPDATE, DELETE or MERGE without RETURNING gives an array with one
 * result object of Kysely, as Kysely's `execute` does.
 * @example
 *   const adults = executeSync(con, db.selectFrom('person').select(['id', 'name']).where('age', '>=', 18))
 *   adults[0]?.name
 * @throws the errors of `Connection.query`.
 */
export function executeSync<O>(connection: Connection, query: SyncQuery<O>, options: SyncQueryOptions = {}): O[] {
  requireOptions(options, QUERY_OPTIONS, 'executeSync')
  return allRows(connection, compiledOf(query), options)
}

function allRows<O>(connection: Connection, compiled: CompiledQuery<O>, { mapRow, timeout }: SyncQueryOptions): O[] {
  const statement = { sql: compiled.sql, parameters: compiled.parameters }
  const { rows, rowCount } = connection.query(statement, null, {
    rowFactory: 'object',
    ...(timeout === undefined ? {} : { timeout }),
  })
  const result = resultOf(compiled.query, rowCount)
  if (result !== null) return [result as O]
  const objects = rows as unknown as Record<string, unknown>[]
  return (mapRow === undefined ? objects : objects.map((row) => mapRow(row))) as O[]
}

/**
 * Returns the first row, or undefined if there is none.
 * @throws the errors of `executeSync`.
 * @example
 *   const ann = executeTakeFirstSync(con, db.selectFrom('person').select('name').where('id', '=', 1))
 *   console.log(ann?.name) // Ann
 */
export function executeTakeFirstSync<O>(
  connection: Connection,
  query: SyncQuery<O>,
  options: SyncQueryOptions = {},
): O | undefined {
  requireOptions(options, QUERY_OPTIONS, 'executeTakeFirstSync')
  return allRows(connection, compiledOf(query), options)[0]
}

/**
 * Returns the first row.
 * @param options.makeError makes the error that is thrown if there is no row
 * @throws Kysely's NoResultError, or the error of `makeError`, if there is no row; the errors of `executeSync`.
 * @example
 *   const ann = executeTakeFirstOrThrowSync(con, db.selectFrom('person').select('name').where('id', '=', 1))
 *   console.log(ann.name) // Ann
 */
export function executeTakeFirstOrThrowSync<O>(
  connection: Connection,
  query: SyncQuery<O>,
  options: SyncQueryOptions & { readonly makeError?: (node: QueryNode) => Error } = {},
): O {
  requireOptions(options, FIRST_OPTIONS, 'executeTakeFirstOrThrowSync')
  const compiled = compiledOf(query)
  const { makeError = (node) => new NoResultError(node) } = options
  const [row] = allRows(connection, compiled, options)
  if (row === undefined) throw makeError(compiled.query as QueryNode)
  return row
}

/**
 * Gives the rows one after another and fetches them in pieces. It needs a transaction, as `Cursor.stream` does.
 * @throws the errors of `Cursor.stream`.
 * @example
 *   for (const { name } of streamSync(con, db.selectFrom('item').select('name'), { size: 100 })) console.log(name)
 */
export function streamSync<O>(
  connection: Connection,
  query: SyncQuery<O>,
  options: SyncStreamOptions = {},
): Generator<O, void, undefined> {
  requireOptions(options, STREAM_OPTIONS, 'streamSync')
  return rowsOf<O>(connection, compiledOf(query), options)
}

function* rowsOf<O>(
  connection: Connection,
  { sql, parameters }: CompiledQuery<O>,
  options: SyncStreamOptions,
): Generator<O, void, undefined> {
  const { mapRow, size, timeout } = options
  const rows = connection.cursor().stream({ sql, parameters }, null, {
    rowFactory: 'object',
    ...(size === undefined ? {} : { size }),
    ...(timeout === undefined ? {} : { timeout }),
  }) as unknown as Iterable<Record<string, unknown>>
  for (const row of rows) yield (mapRow === undefined ? row : mapRow(row)) as O
}

function compiledOf<O>(query: SyncQuery<O>): CompiledQuery<O> {
  if (typeof query !== 'object' || query === null || !('compile' in query || 'sql' in query)) {
    throw new ProgrammingError('expected a query that Kysely has built, or the result of its compile()')
  }
  if ('isRawBuilder' in query) {
    throw new ProgrammingError('raw SQL of Kysely is compiled by a database object: sql`…`.compile(db)')
  }
  return 'compile' in query ? query.compile() : query
}

/** Kysely's result object for a statement that writes and returns no rows; null for other statements. */
function resultOf(node: RootOperationNode, rowCount: number | null): unknown {
  if ('returning' in node && node.returning !== undefined) return null
  const count = BigInt(rowCount ?? 0)
  switch (node.kind) {
    case 'InsertQueryNode':
      return node.explain === undefined ? new InsertResult(undefined, count) : null
    case 'UpdateQueryNode':
      return node.explain === undefined ? new UpdateResult(count, undefined) : null
    case 'DeleteQueryNode':
      return node.explain === undefined ? new DeleteResult(count) : null
    case 'MergeQueryNode':
      return new MergeResult(count)
    default:
      return null
  }
}
