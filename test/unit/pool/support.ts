/**
 * A fake server for the pool's unit tests. Its connections are real `Connection`s over sessions whose promises settle
 * when the test says so. So a test can make any order of events, thousands of times a second.
 */
import { Connection } from '../../../src-async/connection.ts'
import { Engine } from '../../../src-async/engine.ts'
import { ConnectionDoesNotExistError } from '../../../src-async/errors/sqlstates.ts'
import { InterfaceError, NotSupportedError, OperationalError } from '../../../src-async/errors/tree.ts'
import { createFlowContext } from '../../../src-async/flows/flow-context.ts'
import { Listeners } from '../../../src-async/listeners.ts'
import { createPool } from '../../../src-async/pool/create-pool.ts'
import type { Pool } from '../../../src-async/pool/pool.ts'
import type { PoolOptions } from '../../../src-async/pool/pool-options.ts'
import type {
  Nothing,
  Operations,
  SimpleQueryReply,
  SimpleQueryRequest,
  TransactionStatus,
} from '../../../src-async/wire/operations.ts'

const NOTHING: Nothing = {}
const LIMITS = { size: 0, lifetimeMs: 0, maxSqlLength: 0 }

function missing(): Promise<never> {
  return Promise.reject(new NotSupportedError('the fake server knows simple queries only'))
}

/** A session whose queries are answered at once, after `server.delayMs`, or when the test says so (`hang`). */
export class FakeSession implements Operations {
  readonly backendPid: number
  readonly parameters = new Map<string, string>()
  readonly canCancel = true
  /** Texts of the queries so far. */
  readonly queries: string[] = []
  transactionStatus: TransactionStatus = 'I'
  isClosed = false
  /** Queries never get an answer while this is set. */
  isFrozen = false
  /** The error of the next query. */
  failure: Error | null = null
  readonly #server: FakeServer
  readonly #listeners: Listeners<unknown>
  readonly #pending = new Set<(error: Error) => void>()

  constructor(server: FakeServer, backendPid: number, listeners: Listeners<unknown>) {
    this.#server = server
    this.backendPid = backendPid
    this.#listeners = listeners
  }

  closedError(): InterfaceError {
    return new InterfaceError('connection is closed')
  }

  describe = missing
  execute = missing
  executeMany = missing
  fetchPortal = missing
  closePortal = missing
  closeStatements = missing
  copyInData = missing
  copyInEnd = missing
  copyOutRead = missing
  copyOutEnd = missing
  awaitNotification = missing
  copyOutStart = missing

  async copyInStart(): Promise<Nothing> {
    return NOTHING
  }

  async simpleQuery({ sql, results }: SimpleQueryRequest): Promise<SimpleQueryReply> {
    if (this.isClosed) throw new ConnectionDoesNotExistError('the fake session is closed')
    if (this.#pending.size > 0) throw new Error(`${sql} was sent while another query ran`)
    this.queries.push(sql)
    const { failure } = this
    this.failure = null
    if (failure !== null) throw failure
    if (this.isFrozen || this.#server.delayMs > 0) await this.#wait()
    for (const statement of sql.split(';')) {
      const word = statement.trim().toUpperCase()
      if (word === 'BEGIN') this.transactionStatus = 'T'
      if (word === 'ROLLBACK' || word === 'COMMIT') this.transactionStatus = 'I'
    }
    results.complete(null, sql.split(' ')[0] ?? '')
    return { results: 1 }
  }

  /** Resolves when the request is sent; the statement ends a little later. */
  async cancel(): Promise<Nothing> {
    void this.#cancelSoon()
    return NOTHING
  }

  async close(): Promise<Nothing> {
    this.lose()
    return NOTHING
  }

  /** Ends the connection and reports it, as the operating system would. */
  lose(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.#server.open.delete(this)
    for (const fail of [...this.#pending]) fail(new ConnectionDoesNotExistError('lost'))
    this.#listeners.closed()
  }

  /** Loses the connection without a report: later queries get no answer. */
  loseSilently(): void {
    this.isFrozen = true
  }

  async #cancelSoon(): Promise<void> {
    for (let turn = 0; turn < 50; turn++) await Promise.resolve()
    for (const fail of [...this.#pending]) fail(new OperationalError('canceled'))
  }

  #wait(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.isFrozen ? undefined : setTimeout(() => settle(resolve), this.#server.delayMs)
      const fail = (error: Error): void => settle(() => reject(error))
      const settle = (how: () => void): void => {
        clearTimeout(timer)
        this.#pending.delete(fail)
        how()
      }
      this.#pending.add(fail)
    })
  }
}

export class FakeServer {
  readonly open = new Set<FakeSession>()
  /** All sessions, also those that have ended. */
  readonly sessions: FakeSession[] = []
  /** The highest number of sessions that were open at one time. */
  peak = 0
  attempts = 0
  /** Milliseconds to open a connection, and to answer a query. */
  connectMs = 0
  delayMs = 0
  /** Called before each connection. @returns the error with which it fails, or null. */
  refuse: (attempt: number) => Error | null = () => null

  connect = async (): Promise<Connection> => {
    this.attempts += 1
    const refusal = this.refuse(this.attempts)
    if (this.connectMs > 0) await new Promise((resolve) => setTimeout(resolve, this.connectMs))
    if (refusal !== null) throw refusal
    const listeners = new Listeners<unknown>()
    const session = new FakeSession(this, this.sessions.length + 1, listeners)
    this.sessions.push(session)
    this.open.add(session)
    this.peak = Math.max(this.peak, this.open.size)
    const connection = new Connection(new Engine(session, createFlowContext(session, LIMITS, null), 0, listeners))
    listeners.connection = connection
    return connection
  }

  pool(options: PoolOptions = {}): Promise<Pool> {
    return createPool({ connect: this.connect, ...options })
  }

  session(number: number): FakeSession {
    const session = this.sessions[number - 1]
    if (session === undefined) throw new Error(`there is no session ${number} yet`)
    return session
  }
}

/** Whether a promise has settled, after all callbacks that are due now have run. */
export async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  const note = (): void => {
    settled = true
  }
  promise.then(note, note)
  for (let turn = 0; turn < 50; turn++) await Promise.resolve()
  return settled
}
