/**
 * What the flows of one connection share: its state as the server tells it, the caches, and scratch memory. Made by a
 * face when it opens a connection; holds nothing of either thread's plumbing.
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
import { StatementCache, type StatementCacheLimits } from './statement-cache.ts'

/** Time for a server that is there to take back a portal or a prepared statement. */
const CLOSING_MS = 1000

/** A `transaction(…)` that is open: the outermost is a transaction, the inner ones are savepoints. */
export interface Scope {
  readonly savepoint: string | null
  /** It ends when its function does, so nobody else may end it. */
  readonly isFunctions: boolean
}

/** Whom and what a connection was asked for. */
export interface Place {
  readonly user: string
  readonly database: string
  /** Null where several hosts were named, and for an embedded PostgreSQL. */
  readonly host: string | null
  readonly port: number | null
}

export interface FlowContext {
  readonly state: SessionState
  readonly place: Place
  readonly registry: CodecRegistry
  /** How rows are made where a call says nothing of it. */
  readonly rows: RowShapeOptions
  /** What values mean where neither the statement nor the call says it. */
  readonly meaning: ValueMeaning
  readonly statements: StatementCache
  /** Scratch for the arguments of the statement being sent. */
  readonly out: ByteWriter
  /** The SQL that opens a transaction before a statement when none is open; null in autocommit. */
  begin: string | null
  /** The BEGIN of a `transaction(…)` that no statement has needed yet. */
  scopeBegin: string | null
  /** The `scopeBegin` that left with the last flight: due again if that one turns out to have begun nothing. */
  sentBegin: string | null
  /** Whether a savepoint of `DescribeAttempts` is to be released with the next flight. */
  hasDueRelease: boolean
  /** The `transaction(…)` that are open, each inside the one before it. */
  readonly scopes: Scope[]
  /** Several statements are in flight: none may be tried again, it would overtake those after it. */
  isPipelining: boolean
  /** When the call that runs must be over, on `performance.now`'s clock; Infinity for no limit. */
  deadlineMs: number
  /** What calls off the call that runs; null where nothing can. */
  signal: AbortSignal | null
  /** What the call that runs fails with at its next trip, because it has been cancelled; null where it has not. */
  cancelled: DbError | null
  /** What held the last result, emptied or small, for the sake of its hidden class. */
  readonly kept: Kept
  /** The `client_encoding` that was looked at last. */
  encoding: string | undefined
  /** What failed the transaction that is open now: the error that names the culprit. */
  firstFailure: unknown
}

const NOWHERE: Place = { user: '', database: '', host: null, port: null }

/** A fresh connection's context; `begin` null means autocommit. */
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
    statements: new StatementCache(limits, registry),
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
 * What goes before the flight about to leave: BEGIN when one is due, which the server's status byte decides, or the
 * release of a savepoint of ours.
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

/** What `dueBegin` would give, without taking it: whether the next flight opens a transaction. */
export function pendingBegin(context: FlowContext): string | null {
  if (context.state.transactionStatus !== 'I') return null
  return context.scopeBegin ?? (context.scopes.length > 0 ? null : context.begin)
}

/** The encoding other than UTF-8 that the call under way has set; null where there is none. */
export function otherEncoding({ state, encoding }: FlowContext): string | null {
  const now = state.parameters.get('client_encoding')
  return now === undefined || now === encoding || isUtf8(now) ? null : now
}

/**
 * What is left of the call's time, for the operation about to be asked; 0 means no limit.
 * @throws QueryTimeoutError when nothing is left; the signal's reason, or QueryCanceledError, when the call was called off: the cancel it sent
 *   may have found nothing to cancel, between two operations of the call.
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
 * The limits of a request that is sent although the call's time may be up, because the call is not over without it: a
 * ROLLBACK after a batch that was too slow. It is cancelled when the call's time is up, but not before `leastMs`; and it
 * ends with the call's grace, so that the whole call ends by then.
 */
export function lastLimits({ deadlineMs }: FlowContext, leastMs: number): Limits {
  if (deadlineMs === Infinity) return { timeoutMs: 0 }
  const leftMs = deadlineMs - performance.now()
  const untilGivenUpMs = Math.max(leftMs + CANCEL_GRACE_MS, 2)
  const timeoutMs = Math.ceil(Math.max(leftMs, Math.min(leastMs, untilGivenUpMs / 2)))
  return { timeoutMs, graceMs: Math.max(Math.ceil(untilGivenUpMs) - timeoutMs, 1) }
}

/**
 * The limits of giving something back to the server, which is done at once or never. A server that is there gets enough
 * time for it, so that the call does not lose its result to its last message.
 */
export function closingLimits(context: FlowContext): Limits {
  return lastLimits(context, CLOSING_MS)
}

/** What every flight brings along. */
export function flight(context: FlowContext): Flight {
  const timeoutMs = dueTimeout(context)
  return { begin: dueBegin(context), closing: context.statements.takeClosing(), timeoutMs }
}
