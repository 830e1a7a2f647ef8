/**
 * The door (entry point) of `syncpg/sqlite-shape`: the API of node:sqlite and better-sqlite3 over PostgreSQL, for
 * programs that were written for a synchronous SQLite API. It uses the blocking entry point and nothing else.
 * docs/guides/from-sqlite.md lists the calls that are the same and those that differ, with reasons.
 */
export { DatabaseSync, type TransactionFunction } from './database.ts'
export type { DatabaseSyncOptions, StatementOptions } from './database-options.ts'
export type { SqliteErrorCodes } from './error-codes.ts'
export type { ColumnInfo } from './origins.ts'
export { type RunResult, StatementSync } from './statement.ts'
export type { NamedParameters, SqliteParameter, SqliteValue } from './values.ts'
