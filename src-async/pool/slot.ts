/**
 * One place in the pool and the connection in it: opens it, checks that it is alive, resets it and closes it. `keeper.ts`
 * decides which slot serves which caller, and when a connection is closed.
 */
import { describeValue } from '../errors/describe-value.ts'
import { connect } from '../connect.ts'
import { Connection, engineOf } from '../connection.ts'
import type { Engine } from '../engine.ts'
import { InterfaceError, OperationalError } from '../errors/tree.ts'
import { queryScript } from '../flows/query.ts'
import { runCommand } from '../flows/run-script.ts'
import type { StatementCache } from '../flows/statement-cache.ts'
import type { Operations } from '../wire/operations.ts'
import { Session } from '../wire/session.ts'
import { Lease } from './lease.ts'
import type { ConnectArguments, PoolHooks } from './pool-options.ts'
import { ResetWatch } from './reset-watch.ts'
import { withLimit } from '../with-limit.ts'

export type SlotPhase = 'connecting' | 'checking' | 'idle' | 'leased' | 'resetting' | 'closing'

/** Sessions that belong to a pool, so that no session gets into two slots. */
const pooled = new WeakSet<Operations>()

/**
 * Time limit of the `init` hook when connecting has no limit. The pool often opens a connection in the background,
 * where nobody would notice that the hook hangs.
 */
const INIT_LIMIT_MS = 60_000

/** How long a slot's connection may be used. */
export interface SlotLife {
  /** The pool's generation when the connection was opened; `expireConnections` increments the pool's. */
  readonly generation: number
  /** A time of `performance.now`. */
  readonly retireAtMs: number
}

export class Slot {
  readonly life: SlotLife
  phase: SlotPhase = 'connecting'
  lease: Lease | null = null
  idleSinceMs = 0
  /** Statements of all leases so far, for `maxQueries`. */
  statements = 0
  /** A check or a reset takes so long that no caller should wait for this connection. */
  isSlow = false
  readonly #onClosed: () => void
  /** The lease of the pool's own last short call, kept to be used again. */
  #callLease: Lease | null = null
  /** Set once the server has run the reset query without an error, so that it is known to support all of it. */
  #watch: ResetWatch | null = null
  /** The session's count of cancel requests at its last reset. */
  #cancelRequests = 0
  #connection: Connection | null = null
  #engine: Engine | null = null

  /** @param onClosed called when the connection is closed or lost, for any reason; perhaps more than once */
  constructor(life: SlotLife, onClosed: () => void) {
    this.life = life
    this.#onClosed = onClosed
  }

  /** Whether the connection was lost, or closed by its holder. */
  get isClosed(): boolean {
    return this.#engine?.isClosed ?? false
  }

  /** Opens the connection and runs the `init` hook; when that fails, nothing is left open. */
  async open({ dsn, options }: ConnectArguments, hooks: PoolHooks): Promise<void> {
    const opened: unknown = await (hooks.connect ?? openWith)(dsn, options)
    if (!(opened instanceof Connection)) {
      throw new InterfaceError(
        `createPool: expected the connect hook to give a Connection of syncpg/async, got ${describeValue(opened)}`,
      )
    }
    const { connectionClass } = options
    if (connectionClass && !(opened instanceof connectionClass)) {
      await (opened as Connection).close()
      throw new InterfaceError('createPool: the connect hook gave a connection that is not of the connectionClass')
    }
    const engine = engineOf(opened)
    if (pooled.has(engine.session)) {
      throw new InterfaceError('createPool: the connect hook gave a connection that is in a pool already')
    }
    pooled.add(engine.session)
    this.#connection = opened
    this.#engine = engine
    engine.listeners.terminations.add(this.#onClosed)
    const { init } = hooks
    if (init === undefined) return
    const limitMs = options.timeout === undefined ? INIT_LIMIT_MS : options.timeout || Infinity
    try {
      await withLimit(this.#lendTo('init', init), {
        limitMs,
        late: () => new OperationalError(`createPool: the init hook did not end within ${limitMs} ms`),
      })
    } catch (error) {
      await this.close(0)
      throw error
    }
  }

  /** Drops the connection's cached prepared statements and types. */
  forgetSchema(): void {
    this.#connection?.reloadSchemaState()
  }

  /** Lends the connection to a caller of `acquire`. */
  lend(giveBack: (connection: Connection) => Promise<void>, place: string | null): Lease {
    this.lease = new Lease({ connection: this.#opened, giveBack, place })
    return this.lease
  }

  /** Lends the connection to one short call of the pool itself; `endOfCall` must follow. */
  lendForCall(giveBack: (connection: Connection) => Promise<void>): Lease {
    const lease = this.#callLease ?? new Lease({ connection: this.#opened, giveBack, place: null })
    if (lease === this.#callLease) lease.renew()
    this.lease = lease
    return lease
  }

  /** Keeps the lease for the next call: making one costs the client as much as a small statement. */
  endOfCall(lease: Lease): void {
    if (lease.isRenewable) {
      lease.rest()
      this.#callLease = lease
    } else {
      lease.end()
      this.#callLease = null
    }
  }

  /** Sends an empty query to the server, and fails when no answer comes in time. */
  async check(limitMs: number): Promise<void> {
    await withLimit(this.#run(''), {
      limitMs,
      late: () => new OperationalError(`an idle connection of the pool did not answer within ${limitMs} ms`),
    })
  }

  /** Whether a lease that is over has sent nothing to the server, so that there is nothing to undo. */
  isUntouched({ session }: Lease): boolean {
    return (
      session.statements === 0 && !session.isRunning && !session.isInCopy && this.#session.transactionStatus === 'I'
    )
  }

  /** Whether a lease that is over has left no open transaction, and nothing of it can still reach the next holder. */
  isClean({ session }: Lease): boolean {
    const own = this.#session
    if (session.hadTrouble || session.isRunning || session.isInCopy || own.transactionStatus !== 'I') return false
    // A cancel request for the holder's statement may arrive late and would cancel what is sent next.
    return !(own instanceof Session) || own.cancelRequests === this.#cancelRequests
  }

  /**
   * Sends the reset without waiting for it. Requests of the next holder are written behind it; when the reset fails,
   * the session is closed before any of them is answered. Allowed only for a lease after which the client knows of
   * nothing to undo.
   * @returns a promise of the reset's end; null when the caller must use `reset` and wait.
   */
  resetAside(lease: Lease, limitMs: number): Promise<void> | null {
    const own = this.#session
    if (this.#watch === null || !(own instanceof Session) || !own.canSendAside) return null
    if (!this.isClean(lease) || this.#statements.leftovers > 0) return null
    return this.#watch.send(own, limitMs, this.#statements.losses)
  }

  /** Undoes what a lease that is over has left behind. When this fails, the caller must close the connection. */
  async reset({ session }: Lease, hook: PoolHooks['reset']): Promise<void> {
    const own = this.#session
    if (session.isRunning) {
      // No caller wants the answer any more. The statement's promise rejects with an error that says it was cancelled.
      if (own.canCancel) await own.cancel({ isGivenUp: true })
      await session.quiet()
    }
    if (session.isInCopy) throw new OperationalError('a connection was released in the middle of COPY')
    const isInTransaction = own.transactionStatus !== 'I'
    if (hook === null) {
      // The empty query is answered after all that was sent before it, and takes a cancel request that comes late.
      await this.#run(isInTransaction ? 'ROLLBACK' : '')
      if (own instanceof Session) this.#cancelRequests = own.cancelRequests
      return
    }
    if (hook !== undefined) {
      if (isInTransaction) await this.#run('ROLLBACK')
      await this.#lendTo('reset', hook)
      return
    }
    if (session.statements === 0) return
    const query = this.#opened.getResetQuery()
    // Both go in one message, so they cost one round trip.
    const sql = isInTransaction && query !== '' ? `ROLLBACK; ${query}` : isInTransaction ? 'ROLLBACK' : query
    if (sql !== '') await this.#run(sql)
    this.#statements.leftovers = 0
    if (this.#session instanceof Session) this.#cancelRequests = this.#session.cancelRequests
    if (this.#watch === null) await this.#watchResets(query)
  }

  /** Allows `resetAside` from now on: the server has run the reset query once, so it supports all of its commands. */
  async #watchResets(query: string): Promise<void> {
    const { context } = engineOf(this.#opened)
    // A reset query of the program's own may discard prepared statements, and the statement cache must know that.
    const isOurs = this.#opened.getResetQuery === getResetQuery
    if (!isOurs || query === '' || !(this.#session instanceof Session) || !this.#session.canSendAside) return
    // Behind a pooler a prepared command may be gone the next time. A pooler reports process ids of its own, not the server's.
    const mayName = context.statements.isCacheable(query)
    const pid = mayName ? await backendPid(engineOf(this.#opened)) : 0
    this.#watch = new ResetWatch(query, mayName && pid === this.#session.backendPid)
  }

  /** Closes the connection; with 0 at once. Never fails. */
  async close(timeoutMs: number): Promise<void> {
    if (this.#engine === null) return
    this.#engine.isShut = true
    const { session } = this.#engine
    // A server process that runs a statement does not notice that the client is gone, and would keep its locks until
    // the statement ends.
    if (timeoutMs === 0 && this.lease?.session.isRunning === true) session.cancel({}).catch(() => {})
    try {
      await session.close({ timeoutMs })
    } catch {
      // The connection is gone either way.
    }
  }

  get #opened(): Connection {
    if (this.#connection === null) throw new InterfaceError('bug: the slot has no connection yet')
    return this.#connection
  }

  get #statements(): StatementCache {
    return engineOf(this.#opened).context.statements
  }

  get #session(): Operations {
    return engineOf(this.#opened).session
  }

  // Runs a command that query loggers do not see, because it is the pool's own.
  #run(sql: string): Promise<string> {
    const engine = engineOf(this.#opened)
    return engine.run(runCommand(engine.context, sql, false))
  }

  /** Calls a hook with a connection that is valid only until the hook ends. */
  async #lendTo(name: 'init' | 'reset', hook: (connection: Connection) => unknown): Promise<void> {
    const lease = new Lease({
      connection: this.#opened,
      giveBack: async () => {},
      place: null,
    })
    try {
      await hook(lease.connection)
      if (name === 'init') lease.bequeathListeners()
    } finally {
      lease.end(`the connection was lent to the ${name} hook until it ended: use the one that acquire() gives`)
      if (lease.session.isRunning) await lease.session.quiet()
    }
    if (this.#session.transactionStatus === 'I') return
    throw new InterfaceError(`createPool: the ${name} hook left a transaction open`)
  }
}

const { getResetQuery } = Connection.prototype

const TEXT_ROWS = { rowFactory: 'array', types: 'text' } as const

/** Asks the server for the process id of the session; 0 when the server cannot answer. */
async function backendPid(engine: Engine): Promise<number> {
  try {
    const { rows } = await engine.run(queryScript(engine.context, 'SELECT pg_catalog.pg_backend_pid()', TEXT_ROWS))
    return Number(rows[0]?.[0] ?? 0)
  } catch (error) {
    if (engine.isClosed) throw error
    // Another server than PostgreSQL, which does not know the function.
    return 0
  }
}

function openWith(dsn: string | undefined, options: ConnectArguments['options']): Promise<Connection> {
  return dsn === undefined ? connect(options) : connect(dsn, options)
}
