/**
 * One place of the pool and the connection in it: how it is opened, asked whether it lives, cleaned up and closed. Which
 * slot serves whom, and when one is given up, is `keeper.ts`'s business.
 */
import { connect } from '../connect.ts'
import { Connection, engineOf } from '../connection.ts'
import type { Engine } from '../engine.ts'
import { InterfaceError, OperationalError } from '../errors/tree.ts'
import { runCommand, runScript } from '../flows/run-script.ts'
import type { StatementCache } from '../flows/statement-cache.ts'
import type { Operations } from '../wire/operations.ts'
import { Session } from '../wire/session.ts'
import { Lease } from './lease.ts'
import type { ConnectArguments, PoolHooks } from './pool-options.ts'
import { ResetWatch } from './reset-watch.ts'
import { withLimit } from '../with-limit.ts'

export type SlotPhase = 'connecting' | 'checking' | 'idle' | 'leased' | 'resetting' | 'closing'

/** Sessions that are in a pool, so that none gets into two slots. */
const pooled = new WeakSet<Operations>()

/** Limit of `init`, which nobody need be waiting for, where connecting has none. */
const INIT_LIMIT_MS = 60_000

/** Who can still be served by a slot, and until when. */
export interface SlotLife {
  /** Of the pool's generations, counted up by `expireConnections`. */
  readonly generation: number
  /** On `performance.now`'s clock. */
  readonly retireAtMs: number
}

export class Slot {
  readonly life: SlotLife
  phase: SlotPhase = 'connecting'
  lease: Lease | null = null
  idleSinceMs = 0
  /** Statements of all leases so far. */
  statements = 0
  /** A check or a reset takes so long that nobody should wait for this one. */
  isSlow = false
  readonly #onClosed: () => void
  /** The lease of the last call of the pool itself. */
  #callLease: Lease | null = null
  /** Set when the server has once run the reset query: it knows all commands of it. */
  #watch: ResetWatch | null = null
  /** Those of the session when it was last reset. */
  #cancelRequests = 0
  #connection: Connection | null = null
  #engine: Engine | null = null

  /** @param onClosed called when the connection is closed or lost, by whomever; perhaps more than once */
  constructor(life: SlotLife, onClosed: () => void) {
    this.life = life
    this.#onClosed = onClosed
  }

  /** Whether the connection was lost or closed by its holder. */
  get isClosed(): boolean {
    return this.#engine?.isClosed ?? false
  }

  /** Opens the connection and has it initialised; when that fails nothing is left open. */
  async open({ dsn, options }: ConnectArguments, hooks: PoolHooks): Promise<void> {
    const opened: unknown = await (hooks.connect ?? openWith)(dsn, options)
    if (!(opened instanceof Connection)) {
      throw new InterfaceError(
        `createPool: expected the connect hook to give a Connection of syncpg/async, found ${typeof opened}`,
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

  /** Has it forget what it knows of the schema. */
  forgetSchema(): void {
    this.#connection?.reloadSchemaState()
  }

  /** Lends the connection to a caller of `acquire`. */
  lend(giveBack: (connection: Connection) => Promise<void>, place: string | null): Lease {
    this.lease = new Lease({ connection: this.#opened, giveBack, place })
    return this.lease
  }

  /** Lends the connection to one call of the pool itself, after which `endOfCall` is due. */
  lendForCall(giveBack: (connection: Connection) => Promise<void>): Lease {
    const lease = this.#callLease ?? new Lease({ connection: this.#opened, giveBack, place: null })
    if (lease === this.#callLease) lease.renew()
    this.lease = lease
    return lease
  }

  /** Making a lease costs as much as a small statement does in the client, so the next call gets the same one. */
  endOfCall(lease: Lease): void {
    if (lease.isRenewable) {
      lease.rest()
      this.#callLease = lease
    } else {
      lease.end()
      this.#callLease = null
    }
  }

  /** Asks the server for a sign of life. */
  async check(limitMs: number): Promise<void> {
    await withLimit(this.#run(''), {
      limitMs,
      late: () => new OperationalError(`an idle connection of the pool did not answer within ${limitMs} ms`),
    })
  }

  /** Whether a lease that is over has asked nothing of the server, so there is nothing to undo. */
  isUntouched({ session }: Lease): boolean {
    return (
      session.statements === 0 && !session.isRunning && !session.isInCopy && this.#session.transactionStatus === 'I'
    )
  }

  /**
   * Sends the reset without waiting for it: what the next holder asks is written behind it, and when it fails the session
   * is closed before that is answered. Only for a lease that, as far as can be known, has left nothing behind.
   * @returns a promise of its end; null when it must be waited for, by `reset`.
   */
  resetAside({ session }: Lease, limitMs: number): Promise<void> | null {
    const own = this.#session
    if (this.#watch === null || !(own instanceof Session) || !own.canSendAside) return null
    if (own.transactionStatus !== 'I' || this.#statements.leftovers > 0 || session.hadTrouble) return null
    // A cancel request that was late for the holder's statement could strike the reset.
    if (own.cancelRequests !== this.#cancelRequests || session.isRunning || session.isInCopy) return null
    return this.#watch.send(own, limitMs, this.#statements.losses)
  }

  /** Undoes what a lease that is over has left behind. The connection must be closed when this fails. */
  async reset({ session }: Lease, hook: PoolHooks['reset']): Promise<void> {
    const own = this.#session
    if (session.isRunning) {
      // The holder has gone and nobody wants the answer; the statement's own caller hears that it was cancelled.
      if (own.canCancel) await own.cancel({ isGivenUp: true })
      await session.quiet()
    }
    if (session.isInCopy) throw new OperationalError('a connection was released in the middle of COPY')
    const isInTransaction = own.transactionStatus !== 'I'
    if (hook !== undefined) {
      if (isInTransaction) await this.#run('ROLLBACK')
      await this.#lendTo('reset', hook)
      return
    }
    if (session.statements === 0) return
    const query = this.#opened.getResetQuery()
    // One message, so one trip.
    const sql = isInTransaction && query !== '' ? `ROLLBACK; ${query}` : isInTransaction ? 'ROLLBACK' : query
    if (sql !== '') await this.#run(sql)
    this.#statements.leftovers = 0
    if (this.#session instanceof Session) this.#cancelRequests = this.#session.cancelRequests
    if (this.#watch === null) await this.#watchResets(query)
  }

  /** From now on resets need not be waited for: the server has run the query once, so it knows all commands of it. */
  async #watchResets(query: string): Promise<void> {
    const { context } = engineOf(this.#opened)
    // A query of the program's own may do what the statement cache must hear of.
    const isOurs = this.#opened.getResetQuery === getResetQuery
    if (!isOurs || query === '' || !(this.#session instanceof Session) || !this.#session.canSendAside) return
    // Behind a pooler a prepared command may be gone the next time; it gives its clients process ids of its own.
    const mayName = context.statements.isCacheable(query)
    const pid = mayName ? await backendPid(engineOf(this.#opened)) : 0
    this.#watch = new ResetWatch(query, mayName && pid === this.#session.backendPid)
  }

  /** Closes the connection; with 0, at once. Never fails. */
  async close(timeoutMs: number): Promise<void> {
    if (this.#engine === null) return
    this.#engine.isShut = true
    const { session } = this.#engine
    // A backend at work does not notice that its client is gone, and would keep its locks until it is done.
    if (timeoutMs === 0 && this.lease?.session.isRunning === true) session.cancel({}).catch(() => {})
    try {
      await session.close({ timeoutMs })
    } catch {
      // It is gone, which is what was wanted.
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

  // Not as a query of the user's: loggers are not told of the pool's own.
  #run(sql: string): Promise<string> {
    const engine = engineOf(this.#opened)
    return engine.run(runCommand(engine.context, sql, false))
  }

  /** Calls a hook with the connection, which is its own for that time only. */
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

/** The process id as the server itself tells it. */
async function backendPid(engine: Engine): Promise<number> {
  let text = ''
  const results = {
    take: (bytes: Uint8Array, start: number, end: number) => {
      // One row of one column, the last thing in the message.
      text = Buffer.from(bytes.buffer, bytes.byteOffset + start + DATA_ROW_HEAD, end - start - DATA_ROW_HEAD).toString(
        'latin1',
      )
    },
    complete: () => {},
  }
  try {
    await engine.run(runScript(engine.context, 'SELECT pg_catalog.pg_backend_pid()', results, false))
  } catch (error) {
    if (engine.isClosed) throw error
    // A server of another make.
    return 0
  }
  return Number(text)
}

/** Letter, length, number of columns and length of the first. */
const DATA_ROW_HEAD = 11

function openWith(dsn: string | undefined, options: ConnectArguments['options']): Promise<Connection> {
  return dsn === undefined ? connect(options) : connect(dsn, options)
}
