/**
 * DOOR of `syncpg/sqlite-shape`: the API of node:sqlite and better-sqlite3 over PostgreSQL, for programs that were written
 * for a synchronous SQLite API. It uses the blocking door and nothing else. What is the same, what differs and why:
 * docs/guides/from-sqlite.md.
 */
export { DatabaseSync, type TransactionFunction } from './database.ts'
export type { DatabaseSyncOptions, StatementOptions } from './database-options.ts'
export type { SqliteErrorCodes } from './error-codes.ts'
export type { ColumnInfo } from './origins.ts'
export { type RunResult, StatementSync } from './statement.ts'
export type { NamedParameters, SqliteParameter, SqliteValue } from './values.ts'
