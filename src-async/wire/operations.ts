/**
 * The contract between flows and sessions: the operations of a session, with their requests and replies. Requests
 * hold bytes, numbers and strings only, and never a decoded value. `Session` performs operations on the event loop,
 * `BlockingSession` through the worker. An operation that one of the two lacks does not compile. All of them fail
 * with the classes of `errors/`.
 */
import type { DbError } from '../errors/tree.ts'
import type { ByteSink, Column, ResultSink, RowSink } from './row-sink.ts'

/**
 * The status that the server sends with ReadyForQuery: idle, in a transaction, in a failed transaction. Nothing else decides
 * whether a transaction is open.
 */
export type TransactionStatus = 'I' | 'T' | 'E'

export const TEXT_FORMAT = 0

/** What each request that starts a statement may add. A *flight* is the messages that are sent together, up to their Sync. */
export interface Flight {
  /**
   * SQL of a BEGIN that goes first in the flight, or null. The flow gives one only after status `I`. In a
   * transaction, `execute` and `executeMany` may get a guard instead: a savepoint that ends in the same flight
   * (`guard.ts`).
   */
  readonly begin: string | null
  /** Names of server-side statements that are closed first, in the same flight. */
  readonly closing: readonly string[]
  /**
   * After this many milliseconds the operation is cancelled on the server and fails with QueryTimeoutError; 0 for no limit.
   * If the operation completes before the cancel takes effect, its effects stay. The limit of a COPY is for all of it, from
   * its start to its end. An embedded server (PGlite) cannot be cancelled: there the limit only stops a statement that has
   * not been sent yet.
   */
  readonly timeoutMs: number
  /**
   * The time in milliseconds that the server has to stop after `timeoutMs`; CANCEL_GRACE_MS when missing. If the operation has
   * not ended then, the session is closed and the operation fails with OperationalError, even if the server still sends rows.
   * With 0 the session is closed when the limit passes, without a cancel, as for a ping.
   */
  readonly graceMs?: number
}

/** The part of a flight that limits its time. */
export type Limits = Pick<Flight, 'timeoutMs' | 'graceMs'>

/** Parse and Describe. */
export interface DescribeRequest extends Flight {
  /** The statement's name on the server, `''` for the unnamed statement. */
  readonly name: string
  readonly sql: string
  /** OIDs of the types to declare. The server infers a type that is 0 or missing. */
  readonly parameterTypes: readonly number[]
  /**
   * Whether a refusal must not fail the open transaction, so that other requests may follow without waiting. Only
   * `Session` can do it, `begin` must be null, and there is no time limit. It fails with 25P02 when the transaction has
   * already failed.
   */
  readonly isApart?: boolean
}

export interface DescribeReply {
  readonly parameterTypes: readonly number[]
  /** null when the statement returns no rows. */
  readonly columns: readonly Column[] | null
}

/** A statement that is parsed in the flight that runs it. */
export interface ParseSpec {
  readonly sql: string
  readonly parameterTypes: readonly number[]
}

/** Bind, Execute, Sync. */
export interface ExecuteRequest extends Flight {
  readonly name: string
  readonly parse: ParseSpec | null
  /**
   * The Bind message after its two names: parameter format codes, parameters, result format codes. It may be a view of a
   * buffer that the next request overwrites. So a session copies or writes it before `execute` returns.
   */
  readonly bind: Uint8Array
  /**
   * Asks for a description in the same flight. `rows.describe` gets it before the first row. 'portal' describes the rows,
   * 'statement' also the parameters. Allowed only together with `parse`.
   */
  readonly describes?: 'portal' | 'statement' | undefined
  /** The most rows to return, 0 for all. */
  readonly rowLimit: number
  readonly rows: RowSink
}

export interface ExecuteReply {
  /** The command tag, `''` for an empty query, null when the row limit suspended the portal. */
  readonly tag: string | null
}

/** Many Bind and Execute, one Sync: all or nothing. An error has `batchIndex`, the failed element in this request. */
export interface ExecuteManyRequest extends Flight {
  readonly name: string
  readonly parse: ParseSpec | null
  /** `count` times an int32 length, which does not count itself, and a Bind body like `ExecuteRequest.bind`. */
  readonly binds: Uint8Array
  readonly count: number
  readonly rows: RowSink
  /** When true, `rows` is a ResultSink, and its `complete` is called at the end of each element's rows. */
  readonly marksElements?: boolean
}

export interface ExecuteManyReply {
  /** The sum of the row counts in the command tags, -1 when no tag has one. */
  readonly affectedRows: number
  /** The last command tag. */
  readonly tag: string
}

/** Rows of a named portal. The first request opens it, and further requests give more rows until the command tag comes. */
export interface FetchPortalRequest extends Flight {
  readonly portal: string
  /** The statement and arguments to open it with, in the same flight; null when it is open already. */
  readonly open: { readonly name: string; readonly parse: ParseSpec | null; readonly bind: Uint8Array } | null
  /** The most rows of this page, 0 for all that are left. */
  readonly rowLimit: number
  readonly rows: RowSink
  /** A loop reads the rows and will ask for the next page with the same limit, so that page may be fetched ahead. */
  readonly isIterated?: boolean
}

export interface ClosePortalRequest extends Limits {
  readonly portal: string
}

export interface CloseStatementsRequest extends Limits {
  readonly names: readonly string[]
}

/** One Query message. It may hold several statements, and values come as text. `begin` is sent first. */
export interface SimpleQueryRequest extends Flight {
  readonly sql: string
  readonly results: ResultSink
}

export interface SimpleQueryReply {
  /** How many results the sink got. */
  readonly results: number
}

/** Starts a `COPY … FROM STDIN`. `copyInData` follows any number of times, then `copyInEnd`. */
export interface CopyInStartRequest extends Flight {
  readonly sql: string
}

export interface CopyInDataRequest {
  /** Payload of one or more CopyData messages. The operation resolves when the transport can take more. */
  readonly bytes: Uint8Array
}

export interface CopyInEndRequest {
  /** null completes the COPY. With a reason the server undoes the COPY, and the operation fails with 57014. */
  readonly failure: string | null
}

export interface CopyInEndReply {
  readonly tag: string
}

/** Starts a `COPY … TO STDOUT`. `copyOutRead` follows until it gives the command tag, or `copyOutEnd` stops the COPY. */
export interface CopyOutStartRequest extends Flight {
  readonly sql: string
}

export interface CopyOutStartReply {
  /** One per column: 0 text, 1 binary. */
  readonly columnFormats: readonly number[]
}

/**
 * Gives the payloads of the CopyData messages that have arrived to the sink, at least one. The session reads no more than a
 * buffer ahead.
 */
export interface CopyOutReadRequest {
  readonly data: ByteSink
  /** The read ends after about this many bytes. */
  readonly maxBytes: number
}

export interface CopyOutReadReply {
  /** The command tag at the end of the COPY, null before. */
  readonly tag: string | null
}

export interface AwaitNotificationRequest {
  /** The longest wait; 0 only looks whether something has come. */
  readonly timeoutMs: number
}

export interface AwaitNotificationReply {
  /** Whether a notification or notice came. `SessionEvents` has received it by then. */
  readonly arrived: boolean
}

export interface CancelRequest {
  /**
   * True when no caller wants the replies of the operations that were asked for so far. Operations that still wait are not
   * sent, and the session is closed when the others have not ended after CANCEL_GRACE_MS.
   */
  readonly isGivenUp?: boolean
}

export interface CloseRequest {
  /** If the server has not closed the connection after this time, the client cuts it. */
  readonly timeoutMs: number
}

export type Nothing = Record<never, never>

/** Each operation's request and reply. */
export interface OperationTable {
  describe: [DescribeRequest, DescribeReply]
  execute: [ExecuteRequest, ExecuteReply]
  executeMany: [ExecuteManyRequest, ExecuteManyReply]
  simpleQuery: [SimpleQueryRequest, SimpleQueryReply]
  copyInStart: [CopyInStartRequest, Nothing]
  copyInData: [CopyInDataRequest, Nothing]
  copyInEnd: [CopyInEndRequest, CopyInEndReply]
  fetchPortal: [FetchPortalRequest, ExecuteReply]
  closePortal: [ClosePortalRequest, Nothing]
  closeStatements: [CloseStatementsRequest, Nothing]
  copyOutStart: [CopyOutStartRequest, CopyOutStartReply]
  copyOutRead: [CopyOutReadRequest, CopyOutReadReply]
  /** Stops a COPY TO STDOUT: cancels it if it still runs, and drops the data that comes. Its error is ignored. */
  copyOutEnd: [Nothing, Nothing]
  /** Resolves when a notification or notice has come, or time is up. The session must be idle. */
  awaitNotification: [AwaitNotificationRequest, AwaitNotificationReply]
  /**
   * Asks the server, over another connection, to cancel the running statement of this session. Resolves when the server has
   * taken the request. A wait for notifications ends too.
   */
  cancel: [CancelRequest, Nothing]
  /** Sends a Terminate and closes the transport. Never fails, and a second call does nothing. */
  close: [CloseRequest, Nothing]
}

export type OperationName = keyof OperationTable
export type RequestOf<N extends OperationName> = OperationTable[N][0]
export type ReplyOf<N extends OperationName> = OperationTable[N][1]

/** The state of a session, for both kinds of session. */
export interface SessionState {
  readonly transactionStatus: TransactionStatus
  readonly isClosed: boolean
  /**
   * The error for a call when `isClosed` is true. If no call has failed with the loss yet, it is the loss itself (57P01,
   * 25P03, 57P05, 08006 …: an OperationalError). Later calls get an InterfaceError with the loss as its cause.
   */
  closedError(): DbError
  readonly backendPid: number
  /** ParameterStatus values: server_version, TimeZone, standard_conforming_strings … */
  readonly parameters: ReadonlyMap<string, string>
  /** False when the transport cannot cancel (PGlite), or the server sent no cancel key. */
  readonly canCancel: boolean
}

/** The operations of a session on an event loop. */
export type Operations = {
  [N in OperationName]: (request: RequestOf<N>) => Promise<ReplyOf<N>>
} & SessionState

/** The operations of a session that blocks. */
export type BlockingOperations = {
  [N in OperationName]: (request: RequestOf<N>) => ReplyOf<N>
} & SessionState

/** Fields of an ErrorResponse or a NoticeResponse, with the names that the error classes use. */
export interface ServerMessageFields {
  readonly severity: string
  readonly sqlstate: string
  readonly message: string
  readonly detail?: string
  readonly hint?: string
  /** In characters of the SQL text that the server got; the first is 1. */
  readonly position?: number
  readonly internalPosition?: number
  readonly internalQuery?: string
  readonly context?: string
  readonly schemaName?: string
  readonly tableName?: string
  readonly columnName?: string
  readonly dataTypeName?: string
  readonly constraintName?: string
  readonly serverSourceFilename?: string
  readonly serverSourceLine?: number
  readonly serverSourceFunction?: string
}

/** A notification of the server. */
export interface Notification {
  /** The process id of the session that sent it. */
  readonly backendPid: number
  /** The channel it came on. */
  readonly channel: string
  /** Its text, empty where none was sent. */
  readonly payload: string
}

/** Listener for messages that no request asked for. Called in the order of arrival, also while an operation runs. */
export interface SessionEvents {
  notice(fields: ServerMessageFields): void
  notification(notification: Notification): void
  parameter(name: string, value: string): void
  /** Called once, when the session is closed or lost. */
  closed?(): void
  /** Called when bytes have come from the server, before they are parsed. */
  arriving?(): void
}
