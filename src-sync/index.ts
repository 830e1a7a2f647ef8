/**
 * The door (entry point) of `syncpg`: the blocking API of PEP 249. The docs import it as `import * as db from
 * 'syncpg'`, because PEP 249's names `Error` and `Date` would hide JavaScript's own if they were imported by name.
 */
export { connect, type ConnectOptions, withConnection } from './connect.ts'
export { Connection, type NoticeListener } from './connection.ts'
export type {
  BatchOptions,
  CopyFrom,
  CopyFromQuery,
  CopyOptions,
  CopyRecordsOptions,
  CopyTo,
  CursorOptions,
  DescribeOptions,
  ExplainOptions,
  PrepareOptions,
} from './connection-options.ts'
export type {
  CallOptions,
  ExecuteOptions,
  ExecuteStatementOptions,
  ExecutemanyOptions,
  FetchOptions,
  ResultOptions,
} from './call-options.ts'
export type { ConnectionInfo, ConnectionStatus } from '../src-async/flows/connection-info.ts'
export { Cursor, type CursorConnection, type Parameters, type ScrollMode } from './cursor.ts'
export type { CopyChunk, CopyOutput, CopySource } from './copy.ts'
export type { CopyStream } from './copy-stream.ts'
export type { ServerMessage } from './engine.ts'
export type { ErrorHandler } from './error-handler.ts'
export { type InputSize, type InputSizes, oid, type TypeOid } from './input-sizes.ts'
export type { NamedCursorOptions } from './named-body.ts'
export type { CloseOptions, PrepareOption, TimeoutOption, ValueOption } from '../src-async/flows/call-options.ts'
export type { NotifiesOptions } from './notifications.ts'
export type { Notification } from '../src-async/wire/operations.ts'
export type { CopyFormatOptions, CopyTableOptions, CopyToTableOptions } from '../src-async/flows/copy-bytes.ts'
export type { ResetTypeCodecOptions } from '../src-async/flows/type-codecs.ts'
export type { Attribute, TypeInfo, TypeKind } from '../src-async/values/type-info.ts'
export type { PreparedStatement, StatementDescription } from './prepared-statement.ts'
export type { StatementText } from './statement.ts'
export type { CompiledStatement } from '../src-async/values/compiled-statement.ts'
export type { QueryResult, ResultColumn } from '../src-async/flows/query.ts'
export type { CallTypes, TypeOptions, TypeParsers } from '../src-async/values/call-types.ts'
export type { ValueMeaning } from '../src-async/values/text-values.ts'
export type { RowStream, StreamOptions } from './stream.ts'
export { makeXid as xid, type Xid } from './xid.ts'
export { type CancelToken, cancel } from './cancel.ts'
export { Column } from './column.ts'
export type { ParamStyle } from './paramstyle/style.ts'
export { rewriteMarkers, type RewriteOptions, type RewrittenStatement } from './paramstyle/rewrite.ts'
export { BINARY, DATETIME, NUMBER, ROWID, STRING, TypeObject } from './type-objects.ts'
export { Binary, Date, DateFromTicks, Time, TimeFromTicks, Timestamp, TimestampFromTicks } from './constructors.ts'
export { apilevel, libraryVersion, paramstyle, threadsafety, version } from './module-globals.ts'
export type { LoggedQuery, QueryLogger, QueryLoggerOptions } from '../src-async/flows/query-log.ts'
export type { Progress, ProgressOption } from '../src-async/flows/progress.ts'
export type { NotAsync } from './scope.ts'
export type { RetriedTransactionOptions } from '../src-async/flows/retry.ts'
export type { IsolationLevel, TransactionOptions } from '../src-async/flows/transaction.ts'
export { Record, type Row } from '../src-async/values/record.ts'
export { BitString } from '../src-async/values/bit-string.ts'
export { Box, Circle, Line, LineSegment, Path, Point, Polygon } from '../src-async/values/geometry.ts'
export { Json, type JsonOptions, PgJson } from '../src-async/values/json.ts'
export { PgDate } from '../src-async/values/pg-date.ts'
export { PgInterval } from '../src-async/values/pg-interval.ts'
export { PgTime, PgTimeTz } from '../src-async/values/pg-time.ts'
export { PgTimestamp } from '../src-async/values/pg-timestamp.ts'
export { Range, type RangeInit } from '../src-async/values/range.ts'
export { quoteIdentifier, quoteLiteral } from '../src-async/values/sql.ts'
export type { BuiltinTypeCodecOptions, TypeCodecOptions } from '../src-async/values/custom-codec.ts'
export { equal } from '../src-async/values/equal.ts'
export type { RowOptions } from '../src-async/values/row-options.ts'
export type { RecordClass, RowFactory } from '../src-async/values/row-shapes.ts'
export type { NamedRow, PositionalRow, RecordBase, RowOf } from '../src-async/values/row-types.ts'
export { Sql, type SqlTag, format, sql } from '../src-async/values/sql-template.ts'
export { TO_POSTGRES } from '../src-async/values/to-postgres.ts'
export type { ValueOptions } from '../src-async/values/value-options.ts'
export { type SplitOptions, type SplitStatement, splitStatements } from '../src-async/values/split-statements.ts'
export { SqlNesting, type SqlNestingMark } from '../src-async/values/sql-nesting.ts'
export { Lexer as SqlLexer, TOKEN as SQL_TOKEN, type Token as SqlToken } from '../src-async/values/sql-lexer.ts'
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
} from '../src-async/errors/tree.ts'
export { InvalidCachedStatementError, QueryTimeoutError, Rollback } from '../src-async/errors/client-errors.ts'
export { registerSqlstate } from '../src-async/errors/server-error.ts'
// `export *` is allowed for this file, because it has one class for each of PostgreSQL's 260 codes and nothing else.
export * from '../src-async/errors/sqlstates.ts'
