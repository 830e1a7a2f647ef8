/**
 * PEP 249's two-phase commit: the allowed order of its calls, and the commands that they send. A prepared transaction
 * belongs to the server and not to a connection.
 */
import { NotSupportedError, ProgrammingError } from '../src-async/errors/tree.ts'
import { fetchRows } from '../src-async/flows/run-statement.ts'
import { runCommand } from '../src-async/flows/run-script.ts'
import { beginStatement, commit, rollback, type TransactionOptions } from '../src-async/flows/transaction.ts'
import { Record } from '../src-async/values/record.ts'
import { RECORD_ROWS } from '../src-async/values/row-options.ts'
import { quoteLiteral } from '../src-async/values/sql.ts'
import type { Engine } from './engine.ts'
import { type Xid, parseXid, requireXid } from './xid.ts'

const UNDEFINED_OBJECT = '42704'

export class TwoPhase {
  readonly #engine: Engine
  #xid: Xid | null = null
  #isAllowed = false

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** @throws ProgrammingError when a two-phase transaction is open: plain commit and rollback are not allowed in it. */
  forbid(method: string): void {
    if (this.#xid === null) return
    throw new ProgrammingError(`${method}: a two-phase transaction is open: use tpc_commit or tpc_rollback`)
  }

  begin(given: unknown, options: TransactionOptions): void {
    const xid = requireXid(given, 'tpc_begin')
    const { context, session } = this.#engine
    if (this.#xid !== null || session.transactionStatus !== 'I') {
      throw new ProgrammingError('tpc_begin: a transaction is open: commit or roll back first')
    }
    if (context.begin === null)
      throw new ProgrammingError('tpc_begin: the connection is in autocommit: set autocommit to false first')
    this.#requireServer()
    this.#engine.run(runCommand(context, beginStatement(options), false))
    this.#xid = xid
  }

  prepare(): void {
    const xid = this.#xid
    if (xid === null) throw new ProgrammingError('tpc_prepare: call tpc_begin first')
    this.#engine.requireUnprepared()
    const { context } = this.#engine
    try {
      // The server answers with the tag ROLLBACK when the transaction had failed.
      const tag = this.#engine.run(runCommand(context, `PREPARE TRANSACTION ${quoteLiteral(xid.toString())}`, false))
      if (tag !== 'PREPARE TRANSACTION') {
        throw new ProgrammingError(
          'tpc_prepare: the transaction had failed: nothing was prepared, it has been rolled back',
        )
      }
      this.#engine.isPrepared = true
    } catch (error) {
      this.#over()
      if (!this.#engine.session.isClosed) this.#engine.run(rollback(context))
      throw error
    }
  }

  commit(given: unknown): void {
    if (given !== undefined && given !== null) return this.#finish('COMMIT', given, 'tpc_commit')
    const xid = this.#requireBegun('tpc_commit')
    if (this.#engine.isPrepared) this.#second('COMMIT', xid)
    else this.#end(() => this.#engine.run(commit(this.#engine.context)))
  }

  rollback(given: unknown): void {
    if (given !== undefined && given !== null) return this.#finish('ROLLBACK', given, 'tpc_rollback')
    const xid = this.#requireBegun('tpc_rollback')
    if (this.#engine.isPrepared) this.#second('ROLLBACK', xid)
    else this.#end(() => this.#engine.run(rollback(this.#engine.context)))
  }

  recover(): Xid[] {
    const { context } = this.#engine
    this.#engine.requireUnprepared()
    const sql =
      'select gid, prepared, owner::text, database::text from pg_catalog.pg_prepared_xacts ' +
      'where database = current_database() order by prepared, gid'
    const wasIdle = context.state.transactionStatus === 'I'
    const { rows } = this.#engine.run(fetchRows(context, { sql, values: [], rowLimit: 0, rows: RECORD_ROWS }))
    // If this call has begun a transaction, it also ends it, because tpc_commit and tpc_rollback with an xid are
    // refused while a transaction is open.
    if (wasIdle && context.scopes.length === 0) this.#engine.run(rollback(context))
    return rows.map((row) => {
      const [gid, prepared, owner, database] = Record.toArray(row) as [string, globalThis.Date, string, string]
      return parseXid(gid, { prepared, owner, database })
    })
  }

  /** Finishes a prepared transaction of any program. */
  #finish(verb: 'COMMIT' | 'ROLLBACK', given: unknown, method: string): void {
    const xid = requireXid(given, method)
    if (this.#xid !== null || this.#engine.session.transactionStatus !== 'I') {
      throw new ProgrammingError(`${method}: pass an xid only when no transaction is open`)
    }
    this.#run(verb, xid)
  }

  #second(verb: 'COMMIT' | 'ROLLBACK', xid: Xid): void {
    this.#run(verb, xid)
    this.#over()
  }

  #run(verb: 'COMMIT' | 'ROLLBACK', xid: Xid): void {
    const { context } = this.#engine
    try {
      this.#engine.step(runCommand(context, `${verb} PREPARED ${quoteLiteral(xid.toString())}`, false))
    } catch (error) {
      if ((error as { sqlstate?: unknown }).sqlstate !== UNDEFINED_OBJECT) throw error
      this.#over()
      throw new ProgrammingError(`there is no prepared transaction ${JSON.stringify(xid.toString())}`, {
        sqlstate: UNDEFINED_OBJECT,
        cause: error,
      })
    }
  }

  #end(body: () => void): void {
    try {
      body()
    } finally {
      this.#over()
    }
  }

  #over(): void {
    this.#xid = null
    this.#engine.isPrepared = false
  }

  #requireBegun(method: string): Xid {
    if (this.#xid === null) throw new ProgrammingError(`${method}: call tpc_begin first, or pass an xid`)
    return this.#xid
  }

  /** @throws NotSupportedError when the server allows no prepared transactions. */
  #requireServer(): void {
    if (this.#isAllowed) return
    const { context } = this.#engine
    const sql = "select current_setting('max_prepared_transactions')::int"
    const { rows } = this.#engine.run(fetchRows(context, { sql, values: [], rowLimit: 0, rows: RECORD_ROWS }))
    this.#engine.run(rollback(context))
    const [row] = rows
    if (row === undefined || Record.toArray(row)[0] === 0) {
      throw new NotSupportedError(
        'tpc_begin: the server allows no prepared transactions: max_prepared_transactions is 0',
      )
    }
    this.#isAllowed = true
  }
}
