/**
 * THE CONTRACT between the two sides of the line: every operation a session can be asked for, what it takes and what it
 * gives. Only bytes, numbers and strings pass. `Session` performs them on the event loop, `BlockingSession` through the
 * worker; an operation without its blocking twin does not compile. All fail with the classes of `errors/`.
 */
import type { DbError } from '../errors/tree.ts'
import type { ByteSink, Column, ResultSink, RowSink } from './row-sink.ts'

/** The server's word at ReadyForQuery: idle, in a transaction, in a failed transaction. The only truth about transactions. */
export type TransactionStatus = 'I' | 'T' | 'E'

export const TEXT_FORMAT = 0

/** What every request that starts a statement may bring along in the same flight. */
export interface Flight {
  /**
   * SQL of the BEGIN to be sent first in the same flight, or null. The caller has seen status `I`. Of an `execute` and an
   * `executeMany` in a transaction it may be a guard (`guard.ts`), a savepoint that ends with the flight.
   */
  readonly begin: string | null
  /** Names of server-side statements to close first, in the same flight. */
  readonly closing: readonly string[]
  /**
   * Milliseconds from now after which the operation is cancelled on the server and fails with QueryTimeoutError; 0 for
   * no limit. What completes before the cancel strikes stands. Of a COPY it is the limit of the whole, from its start to
   * its end. An embedded server (PGlite) cannot be cancelled, and there a limit only keeps a statement that still waits
   * from being started.
   */
  readonly timeoutMs: number
  /**
   * Milliseconds after `timeoutMs` in which the operation has to end; CANCEL_GRACE_MS when it is missing. Then the session
   * is closed and the operation fails with OperationalError, also where the server still sends. 0 closes the session when
   * the limit passes, without a cancel: for a ping.
   */
  readonly graceMs?: number
}

/** The part of a flight that limits its time. */
export type Limits = Pick<Flight, 'timeoutMs' | 'graceMs'>

/** Parse and Describe. */
export interface DescribeRequest extends Flight {
  /** Server-side name, `''` for the unnamed statement. */
  readonly name: string
  readonly sql: string
  /** Type OIDs to declare; 0 or missing: the server infers. */
  readonly parameterTypes: readonly number[]
}

export interface DescribeReply {
  readonly parameterTypes: readonly number[]
  /** null when the statement returns no rows. */
  readonly columns: readonly Column[] | null
}

/** A statement to be parsed again in the flight that runs it (unnamed statements). */
export interface ParseSpec {
  readonly sql: string
  readonly parameterTypes: readonly number[]
}

/** Bind, Execute, Sync. */
export interface ExecuteRequest extends Flight {
  readonly name: string
  readonly parse: ParseSpec | null
  /**
   * The Bind message after its two names: parameter format codes, parameters, result format codes. May be a window on
   * a buffer that the next request overwrites: a session copies or writes it before it returns to the caller.
   */
  readonly bind: Uint8Array
  /**
   * Asks for a description in the same flight, which `rows.describe` gets before the first row: 'portal' describes the rows,
   * 'statement' the parameters too. Only together with `parse`.
   */
  readonly describes?: 'portal' | 'statement' | undefined
  /** Most rows to return, 0 for all. */
  readonly rowLimit: number
  readonly rows: RowSink
}

export interface ExecuteReply {
  /** The command tag, `''` for an empty query, null when the row limit suspended the portal. */
  readonly tag: string | null
}

/** Many Bind and Execute, one Sync: all or nothing. A failure carries `batchIndex`, counted within this request. */
export interface ExecuteManyRequest extends Flight {
  readonly name: string
  readonly parse: ParseSpec | null
  /** `count` times: int32 length (not counting itself), then a bind body as in `ExecuteRequest`. */
  readonly binds: Uint8Array
  readonly count: number
  readonly rows: RowSink
  /** Then `rows` is a ResultSink, and told the end of each element's rows. */
  readonly marksElements?: boolean
}

export interface ExecuteManyReply {
  /** Sum of the counts in the command tags, -1 when they have none. */
  readonly affectedRows: number
  /** The last command tag. */
  readonly tag: string
}

/** A named portal: opened by the first request for it, then asked for more until its tag comes. */
export interface FetchPortalRequest extends Flight {
  readonly portal: string
  /** What to bind it to, in the same flight; null when it is open. */
  readonly open: { readonly name: string; readonly parse: ParseSpec | null; readonly bind: Uint8Array } | null
  /** Most rows of this trip, 0 for all that are left. */
  readonly rowLimit: number
  readonly rows: RowSink
  /** Somebody iterates over its rows: the next trip will be asked for with the same limit, so it may be made ahead. */
  readonly isIterated?: boolean
}

export interface ClosePortalRequest extends Limits {
  readonly portal: string
}

export interface CloseStatementsRequest extends Limits {
  readonly names: readonly string[]
}

/** One Query message; several statements allowed; values arrive as text. `begin` goes before it in the same flight. */
export interface SimpleQueryRequest extends Flight {
  readonly sql: string
  readonly results: ResultSink
}

export interface SimpleQueryReply {
  /** How many results went to the sink. */
  readonly results: number
}

/** Starts `COPY … FROM STDIN`; then `copyInData` any number of times, then `copyInEnd`. */
export interface CopyInStartRequest extends Flight {
  readonly sql: string
}

export interface CopyInDataRequest {
  /** Payload of one or more CopyData messages. Resolves when the transport wants more. */
  readonly bytes: Uint8Array
}

export interface CopyInEndRequest {
  /** null to finish, a reason to abort: the server then undoes the COPY and the operation fails with 57014. */
  readonly failure: string | null
}

export interface CopyInEndReply {
  readonly tag: string
}

/** Starts `COPY … TO STDOUT`; then `copyOutRead` until its tag comes, or `copyOutEnd` to have no more of it. */
export interface CopyOutStartRequest extends Flight {
  readonly sql: string
}

export interface CopyOutStartReply {
  /** One per column: 0 text, 1 binary. */
  readonly columnFormats: readonly number[]
}

/** Gives what has arrived, at least one message, to the sink: payloads of CopyData. Reading pauses while nobody asks. */
export interface CopyOutReadRequest {
  readonly data: ByteSink
  /** Stop after about as many. */
  readonly maxBytes: number
}

export interface CopyOutReadReply {
  /** The command tag at the end, null while there is more. */
  readonly tag: string | null
}

export interface AwaitNotificationRequest {
  /** Longest wait; 0 looks without waiting. */
  readonly timeoutMs: number
}

export interface AwaitNotificationReply {
  /** Whether something came: it has gone to `SessionEvents` by then. */
  readonly arrived: boolean
}

export interface CancelRequest {
  /**
   * True when the callers of everything that was asked for so far want no more of it: what still waits is not sent, and
   * the session is closed when the rest has not ended after CANCEL_GRACE_MS.
   */
  readonly isGivenUp?: boolean
}

export interface CloseRequest {
  /** After this long without an answer the transport is cut. */
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
  /** Gives a COPY TO STDOUT up: cancels it where it still runs, drops what comes. Its error is not news. */
  copyOutEnd: [Nothing, Nothing]
  /** Resolves when the server has said something unasked, or time is up. The session must be idle. */
  awaitNotification: [AwaitNotificationRequest, AwaitNotificationReply]
  /**
   * Asks the server, over another connection, to cancel what this session runs. Resolves when the server took it. A
   * wait for notifications ends too.
   */
  cancel: [CancelRequest, Nothing]
  /** Terminate, then the end of the transport. Never fails; a second call does nothing. */
  close: [CloseRequest, Nothing]
}

export type OperationName = keyof OperationTable
export type RequestOf<N extends OperationName> = OperationTable[N][0]
export type ReplyOf<N extends OperationName> = OperationTable[N][1]

/** What both kinds of session tell without being asked. */
export interface SessionState {
  readonly transactionStatus: TransactionStatus
  readonly isClosed: boolean
  /**
   * What a call fails with once `isClosed` is true. The first call after a loss that nobody has been told of gets the loss
   * itself (57P01, 25P03, 57P05, 08006 …: an OperationalError), later ones an InterfaceError with the loss as its cause.
   */
  closedError(): DbError
  readonly backendPid: number
  /** ParameterStatus values: server_version, TimeZone, standard_conforming_strings … */
  readonly parameters: ReadonlyMap<string, string>
  /** False where the transport has no cancel (PGlite). */
  readonly canCancel: boolean
}

/** The operations on an event loop. */
export type Operations = {
  [N in OperationName]: (request: RequestOf<N>) => Promise<ReplyOf<N>>
} & SessionState

/** The same, blocking. */
export type BlockingOperations = {
  [N in OperationName]: (request: RequestOf<N>) => ReplyOf<N>
} & SessionState

/** Fields of an ErrorResponse or a NoticeResponse, by the names of our error classes; absent ones are missing. */
export interface ServerMessageFields {
  readonly severity: string
  readonly sqlstate: string
  readonly message: string
  readonly detail?: string
  readonly hint?: string
  /** 1-based, in characters of the text the server saw. */
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

/** What a server says unasked. Called between messages of an exchange, in order. */
export interface SessionEvents {
  notice(fields: ServerMessageFields): void
  notification(notification: Notification): void
  parameter(name: string, value: string): void
  /** The session is over: closed, or lost. Called once. */
  closed?(): void
  /** Bytes of the server's are here and will be looked at next. */
  arriving?(): void
}
