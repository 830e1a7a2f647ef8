/**
 * DOOR of `syncpg`: PEP 249, blocking. `import * as db from 'syncpg'` is the documented form, because the specification's
 * names `Error` and `Date` would shadow the globals.
 */
export { connect, type ConnectOptions } from './connect.ts'
export {
  Connection,
  type ConnectionInfo,
  type CopyRecordsOptions,
  type NoticeListener,
  type ServerMessage,
} from './connection.ts'
export { Cursor, type CursorConnection, type Parameters } from './cursor.ts'
export { Column } from './column.ts'
export type { ParamStyle } from './paramstyle/rewrite.ts'
export { BINARY, DATETIME, NUMBER, ROWID, STRING, TypeObject } from './type-objects.ts'
export { Binary, Date, DateFromTicks, Time, TimeFromTicks, Timestamp, TimestampFromTicks } from './constructors.ts'
export { apilevel, libraryVersion, paramstyle, threadsafety, version } from './module-globals.ts'
export type { IsolationLevel, TransactionOptions } from '../src-async/flows/transaction.ts'
export { Record, type Row } from '../src-async/values/record.ts'
export { PgJson as Json } from '../src-async/values/json.ts'
export { PgDate } from '../src-async/values/pg-date.ts'
export { PgInterval } from '../src-async/values/pg-interval.ts'
export { PgTime, PgTimeTz } from '../src-async/values/pg-time.ts'
export { PgTimestamp } from '../src-async/values/pg-timestamp.ts'
export { quoteIdentifier, quoteLiteral } from '../src-async/values/sql.ts'
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
// A class for each of PostgreSQL's 260 codes, and nothing else: the one place where a list would say no more than this.
export * from '../src-async/errors/sqlstates.ts'
