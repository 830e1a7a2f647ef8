/**
 * DOOR of `syncpg/sqlite-shape`: node:sqlite's and better-sqlite3's habits over PostgreSQL, for programs that were written
 * against a synchronous SQLite API. A user of the blocking door and of nothing else. What is the same, what is different
 * and why: docs/guides/from-sqlite.md.
 */
export { DatabaseSync, type TransactionFunction } from './database.ts'
export type { DatabaseSyncOptions, StatementOptions } from './database-options.ts'
export type { SqliteErrorCodes } from './error-codes.ts'
export type { ColumnInfo } from './origins.ts'
export { type RunResult, StatementSync } from './statement.ts'
export type { NamedParameters, SqliteParameter, SqliteValue } from './values.ts'
