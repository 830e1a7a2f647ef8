/**
 * The state that all flows of one connection share: the session's state, the caches and scratch memory. A face creates
 * it when it opens a connection. It contains nothing about threads or sockets.
 */
import { isUtf8 } from '../values/client-encoding.ts'
import { ByteWriter } from '../bytes/byte-writer.ts'
import { Kept } from '../bytes/keep-class.ts'
import { QueryTimeoutError } from '../errors/client-errors.ts'
import type { DbError } from '../errors/tree.ts'
import type { CodecRegistry } from '../values/registry.ts'
import type { RowShapeOptions } from '../values/row-shapes.ts'
import type { ValueMeaning } from '../values/text-values.ts'
import { type ConnectionValues, connectionValues } from '../values/value-options.ts'
import { CANCEL_GRACE_MS } from '../wire/grace.ts'
import { RELEASE_GUARD } from '../wire/guard.ts'
import type { Flight, Limits, SessionState } from '../wire/operations.ts'
import { schemaChangesOf } from './schema-changes.ts'
import { StatementCache, type StatementCacheLimits } from './statement-cache.ts'

/** How long closing a portal or a prepared statement may take, even after the call's time limit. */
const CLOSING_MS = 1000

/** An open `transaction(…)`. The outermost is a transaction, those inside it are savepoints. */
export interface Scope {
  readonly savepoint: string | null
  /** Whether it ends with a function. Then no other code may end it. */
  readonly isFunctions: boolean
}

/** The user, database and server that a connection was opened for. */
export interface Place {
  readonly user: string
  readonly database: string
  /** null when several hosts were named, and for an embedded PostgreSQL. */
  readonly host: string | null
  readonly port: number | null
}

export interface FlowContext {
  readonly state: SessionState
  readonly place: Place
  readonly registry: CodecRegistry
  /** The row options of calls that set none. */
  readonly rows: RowShapeOptions
  /** What values mean when neither the statement nor the call says it. */
  readonly meaning: ValueMeaning
  readonly statements: StatementCache
  /** Scratch memory for the encoded arguments of the next request. */
  readonly out: ByteWriter
  /** The SQL that opens a transaction before a statement when none is open; null in autocommit. */
  begin: string | null
  /** The BEGIN of a `transaction(…)` in which no statement has been sent yet; null otherwise. */
  scopeBegin: string | null
  /** The `scopeBegin` that was sent with the last request. It is due again if that request failed before BEGIN ran. */
  sentBegin: string | null
  /** Whether the next request must release a savepoint of `DescribeAttempts`. */
  hasDueRelease: boolean
  /** The open `transaction(…)` calls, each inside the one before it. */
  readonly scopes: Scope[]
  /** Whether a pipeline runs. Then no statement may be retried, because the statements after it have been sent. */
  isPipelining: boolean
  /** The deadline of the running call on the clock of `performance.now()`; Infinity for no limit. */
  deadlineMs: number
  /** The signal that can cancel the running call; null when there is none. */
  signal: AbortSignal | null
  /** Set when the running call was cancelled: its next operation throws this error. null otherwise. */
  cancelled: DbError | null
  /** Keeps one instance of classes used by hot code, so that V8 keeps their hidden classes and the optimized code. */
  readonly kept: Kept
  /** The `client_encoding` at the last check. */
  encoding: string | undefined
  /** The error that failed the open transaction; null when it has not failed. */
  firstFailure: unknown
}

const NOWHERE: Place = { user: '', database: '', host: null, port: null }

/** The context of a new connection. `begin` is null for autocommit. */
export function createFlowContext(
  state: SessionState,
  limits: StatementCacheLimits,
  begin: string | null,
  { registry, rows, meaning }: ConnectionValues = connectionValues({}),
  place: Place = NOWHERE,
): FlowContext {
  return {
    state,
    place,
    registry,
    rows,
    meaning,
    statements: new StatementCache(limits, registry, schemaChangesOf(place)),
    out: new ByteWriter(4096),
    begin,
    scopeBegin: null,
    sentBegin: null,
    hasDueRelease: false,
    scopes: [],
    isPipelining: false,
    deadlineMs: Infinity,
    signal: null,
    cancelled: null,
    kept: new Kept(),
    encoding: 'UTF8',
    firstFailure: null,
  }
}

/**
 * The SQL that must be sent before the next request: a BEGIN, when one is due and the server reports no open
 * transaction, or the release of a savepoint of the driver. Marks it as sent.
 */
export function dueBegin(context: FlowContext): string | null {
  if (context.hasDueRelease) {
    context.hasDueRelease = false
    if (context.state.transactionStatus === 'T') return RELEASE_GUARD
  }
  const begin = pendingBegin(context)
  if (context.state.transactionStatus === 'I') context.statements.transaction += 1
  context.sentBegin = begin === null ? null : context.scopeBegin
  if (begin !== null) context.scopeBegin = null
  return begin
}

/** The BEGIN that the next request would send; null when it opens no transaction. Changes nothing. */
export function pendingBegin(context: FlowContext): string | null {
  if (context.state.transactionStatus !== 'I') return null
  return context.scopeBegin ?? (context.scopes.length > 0 ? null : context.begin)
}

/** The encoding other than UTF-8 that the running call has set; null when there is none. */
export function otherEncoding({ state, encoding }: FlowContext): string | null {
  const now = state.parameters.get('client_encoding')
  return now === undefined || now === encoding || isUtf8(now) ? null : now
}

/**
 * The rest of the call's time in milliseconds, for the next operation; 0 for no limit.
 * @throws QueryTimeoutError when no time is left. The signal's reason, or QueryCanceledError, when the call was
 *   cancelled: the cancel request may have reached the server between two operations, when there was nothing to cancel.
 */
export function dueTimeout(context: FlowContext): number {
  context.signal?.throwIfAborted()
  if (context.cancelled !== null) throw context.cancelled
  if (context.deadlineMs === Infinity) return 0
  const leftMs = Math.ceil(context.deadlineMs - performance.now())
  if (leftMs > 0) return leftMs
  throw new QueryTimeoutError('the time limit had passed before the statement was sent', { sqlstate: '57014' })
}

/**
 * The limits of a request that must be sent even when the call's time is up, such as the ROLLBACK of a batch that was
 * too slow. It gets the rest of the call's time, but at least `leastMs` before it is cancelled. It ends within the
 * call's grace period, so that the whole call ends by then.
 */
export function lastLimits({ deadlineMs }: FlowContext, leastMs: number): Limits {
  if (deadlineMs === Infinity) return { timeoutMs: 0 }
  const leftMs = deadlineMs - performance.now()
  const untilGivenUpMs = Math.max(leftMs + CANCEL_GRACE_MS, 2)
  const timeoutMs = Math.ceil(Math.max(leftMs, Math.min(leastMs, untilGivenUpMs / 2)))
  return { timeoutMs, graceMs: Math.max(Math.ceil(untilGivenUpMs) - timeoutMs, 1) }
}

/**
 * The limits of closing a portal or a statement at the end of a call. A server that answers gets enough time for it, so
 * that a call does not lose its result because of its last message.
 */
export function closingLimits(context: FlowContext): Limits {
  return lastLimits(context, CLOSING_MS)
}

/** The fields that all requests have in common: the messages to send first, and the time limit. */
export function flight(context: FlowContext): Flight {
  const timeoutMs = dueTimeout(context)
  return { begin: dueBegin(context), closing: context.statements.takeClosing(), timeoutMs }
}
