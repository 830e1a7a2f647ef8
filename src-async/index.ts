/**
 * The door (entry point) of `syncpg/async`: the driver, with the calls of asyncpg.
 */
export { connect, type ConnectOptions } from './connect.ts'
export type { CloseOptions, PrepareOption, TimeoutOption, ValueOption } from './flows/call-options.ts'
export { Connection, type ConnectionClass, type PrepareOptions } from './connection.ts'
export type { CopyChunk, CopyOutput, CopySource } from './copy.ts'
export type { CopyRecordsOptions } from './load-records.ts'
export type { CopyFormatOptions, CopyTableOptions, CopyToTableOptions } from './flows/copy-bytes.ts'
export type { NoticeListener, NotificationListener, TerminationListener } from './listeners.ts'
export type { Progress, ProgressOption } from './flows/progress.ts'
export type { LoggedQuery, QueryLogger, QueryLoggerOptions } from './flows/query-log.ts'
export {
  type NotificationGap,
  NotificationStream,
  type NotificationStreamOptions,
  listen,
} from './notification-stream.ts'
export { Pipeline, type PipelineOptions, type PipelineQueryOptions } from './pipeline.ts'
export type { Notification } from './wire/operations.ts'
export type {
  BatchOptions,
  CallOptions,
  DescribeOptions,
  ExecuteOptions,
  ExecuteStatementOptions,
  FetchOptions,
  ResultOptions,
  StatementText,
} from './call-options.ts'
export type { QueryResult, ResultColumn } from './flows/query.ts'
export type { CompiledStatement } from './values/compiled-statement.ts'
export type { CallTypes, TypeOptions, TypeParsers } from './values/call-types.ts'
export type { ValueMeaning } from './values/text-values.ts'
export { Cursor, CursorFactory, type CursorOptions } from './cursor.ts'
export type { CopyFrom, CopyFromQuery, CopyOptions, CopyTo } from './copy-options.ts'
export type { ConnectionInfo, ConnectionStatus } from './flows/connection-info.ts'
export { type ExplainOptions, PreparedStatement, type StatementDescription } from './prepared-statement.ts'
export type { ServerVersion } from './server-version.ts'
export { createPool } from './pool/create-pool.ts'
export {
  type AcquireOptions,
  Pool,
  type PoolCloseOptions,
  type PoolSizes,
  type ReleaseOptions,
  type ResetOptions,
} from './pool/pool.ts'
export type { PoolActivity, PoolHooks, PoolOptions } from './pool/pool-options.ts'
export { Transaction } from './transaction.ts'
export type { RetriedTransactionOptions } from './flows/retry.ts'
export type { IsolationLevel, TransactionOptions } from './flows/transaction.ts'
export { Record, type Row } from './values/record.ts'
export { BitString } from './values/bit-string.ts'
export { Box, Circle, Line, LineSegment, Path, Point, Polygon } from './values/geometry.ts'
export { Json, type JsonOptions, PgJson } from './values/json.ts'
export { PgDate } from './values/pg-date.ts'
export { PgInterval } from './values/pg-interval.ts'
export { PgTime, PgTimeTz } from './values/pg-time.ts'
export { PgTimestamp } from './values/pg-timestamp.ts'
export { Range, type RangeInit } from './values/range.ts'
export { quoteIdentifier, quoteLiteral } from './values/sql.ts'
export type { ResetTypeCodecOptions } from './flows/type-codecs.ts'
export type { BuiltinTypeCodecOptions, TypeCodecOptions } from './values/custom-codec.ts'
export { equal } from './values/equal.ts'
export type { RowOptions } from './values/row-options.ts'
export type { RecordClass, RowFactory } from './values/row-shapes.ts'
export type { NamedRow, PositionalRow, RecordBase, RowOf } from './values/row-types.ts'
export { Sql, type SqlTag, format, sql } from './values/sql-template.ts'
export { type SplitOptions, type SplitStatement, splitStatements } from './values/split-statements.ts'
export { TO_POSTGRES } from './values/to-postgres.ts'
export type { Attribute, TypeInfo, TypeKind } from './values/type-info.ts'
export type { ValueOptions } from './values/value-options.ts'
export {
  ClientConfigurationError,
  DataError,
  DatabaseError,
  DbError,
  DbError as Error,
  IntegrityError,
  InterfaceError,
  InternalError,
  NotSupportedError,
  OperationalError,
  PostgresLogMessage,
  ProgrammingError,
  ProtocolError,
  Warning,
} from './errors/tree.ts'
export { InvalidCachedStatementError, PoolTimeoutError, QueryTimeoutError, Rollback } from './errors/client-errors.ts'
export { registerSqlstate } from './errors/server-error.ts'
// `export *` only here: the file has one class for each of PostgreSQL's 260 codes and nothing else.
export * from './errors/sqlstates.ts'
