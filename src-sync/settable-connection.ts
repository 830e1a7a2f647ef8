/**
 * The settings of a connection: how it begins transactions, which parameter markers it reads, its default time limit,
 * and the codecs of types. `Connection` extends it with the methods that run statements.
 */
import {
  type ResetTypeCodecOptions,
  resetTypeCodec,
  setBuiltinTypeCodec,
  setTypeCodec,
} from '../src-async/flows/type-codecs.ts'
import type { TransactionOptions } from '../src-async/flows/transaction.ts'
import type { BuiltinTypeCodecOptions, TypeCodecOptions } from '../src-async/values/custom-codec.ts'
import { readTimeLimit } from '../src-async/options/time-limit.ts'
import type { Engine } from './engine.ts'
import { call } from './callers-stack.ts'
import { type ErrorHandler, handled, requireHandler } from './error-handler.ts'
import { ExceptionBearer } from './exceptions.ts'
import type { ConnectionInfo } from '../src-async/flows/connection-info.ts'
import { type ParamStyle, requireStyle } from './paramstyle/style.ts'
import type { Settings } from './settings.ts'

export class SettableConnection extends ExceptionBearer {
  readonly #engine: Engine
  readonly #settings: Settings
  /** Facts about the connection and its session. Reading them sends nothing. */
  readonly info: ConnectionInfo
  #errorhandler: ErrorHandler | null = null

  constructor(engine: Engine, settings: Settings, info: ConnectionInfo) {
    super()
    this.#engine = engine
    this.#settings = settings
    this.info = info
  }

  /** True after `close`, and after the connection or the worker was lost. */
  get closed(): boolean {
    return this.#engine.isClosed || this.#engine.session.isClosed
  }

  /**
   * PEP 249's extension. When set, the handler is called with each error, which is not thrown then. New cursors inherit
   * it.
   */
  get errorhandler(): ErrorHandler | null {
    return this.#errorhandler
  }

  set errorhandler(value: ErrorHandler | null) {
    call(setterOf('errorhandler'), () => {
      this.#errorhandler = requireHandler(value)
    })
  }

  /**
   * The value of a parameter that the server reports, such as `server_version` or `TimeZone`; undefined for others.
   * @example console.log(con.parameter('TimeZone'))
   */
  parameter(name: string): string | undefined {
    return this.info.parameter(name)
  }

  /**
   * True when each statement runs in a transaction of its own; false when the connection begins a transaction with the
   * first statement. You can set it between transactions.
   */
  get autocommit(): boolean {
    return this.#settings.autocommit
  }

  set autocommit(value: boolean) {
    call(setterOf('autocommit'), () => {
      this.#settings.autocommit = value
    })
  }

  /**
   * Sets `autocommit`.
   * @throws ProgrammingError inside a transaction.
   * @example con.setautocommit(true)
   */
  setautocommit(value: boolean): void {
    try {
      this.#settings.autocommit = value
    } catch (error) {
      const failing = { connection: this, cursor: null, handler: this.errorhandler }
      handled(error, this.setautocommit, failing, undefined)
    }
  }

  /**
   * The isolation level of transactions that the connection begins; undefined for the session's default. You can set it
   * between transactions.
   */
  get isolationLevel(): TransactionOptions['isolation'] {
    return this.#settings.options.isolation
  }

  set isolationLevel(value: TransactionOptions['isolation'] | null) {
    call(setterOf('isolationLevel'), () => {
      this.#settings.change({ isolation: value ?? undefined }, 'isolationLevel')
    })
  }

  /**
   * True when the transactions that the connection begins are READ ONLY, false for READ WRITE; undefined for the
   * session's default. You can set it between transactions.
   */
  get readOnly(): boolean | undefined {
    return this.#settings.options.readOnly
  }

  set readOnly(value: boolean | null | undefined) {
    call(setterOf('readOnly'), () => {
      this.#settings.change({ readOnly: value ?? undefined }, 'readOnly')
    })
  }

  /**
   * True when the transactions that the connection begins are DEFERRABLE: with `serializable` and READ ONLY, the first
   * statement waits for a snapshot with which the transaction cannot fail. undefined for the session's default. You can
   * set it between transactions.
   */
  get deferrable(): boolean | undefined {
    return this.#settings.options.deferrable
  }

  set deferrable(value: boolean | null | undefined) {
    call(setterOf('deferrable'), () => {
      this.#settings.change({ deferrable: value ?? undefined }, 'deferrable')
    })
  }

  /**
   * The parameter markers that `execute` reads besides `$1`: `pyformat` (`%s`, `%(name)s`), `format`, `qmark`,
   * `numeric` or `named`.
   */
  get paramstyle(): ParamStyle {
    return this.#engine.paramstyle
  }

  set paramstyle(style: ParamStyle) {
    call(setterOf('paramstyle'), () => {
      this.#engine.paramstyle = requireStyle(style)
    })
  }

  /** Milliseconds for each call that sets no `timeout`; 0 for no limit. You can set null or 0 for no limit. */
  get commandTimeout(): number {
    return this.#engine.commandTimeoutMs
  }

  set commandTimeout(value: number | null) {
    call(setterOf('commandTimeout'), () => {
      this.#engine.commandTimeoutMs = readTimeLimit(value, 'commandTimeout') ?? 0
    })
  }

  /**
   * Sets your own functions that encode and decode values of a type, on this connection. Arrays, ranges and composites
   * of the type use them too.
   * @example con.setTypeCodec('jsonb', { decoder: (text) => text })
   * @throws ProgrammingError for a type that does not exist, or a codec that does not fit the type.
   */
  setTypeCodec(typeName: string, options: TypeCodecOptions): void {
    call(this.setTypeCodec, () => this.#engine.begin(setTypeCodec(this.#engine.context, typeName, options)))
  }

  /**
   * Gives a type the codec of a built-in type, or of `hstore`: `{ codecName: 'hstore' }`.
   * @example
   *   con.execute('create extension if not exists hstore')
   *   con.setBuiltinTypeCodec('hstore', { codecName: 'hstore' })
   */
  setBuiltinTypeCodec(typeName: string, options: BuiltinTypeCodecOptions): void {
    call(this.setBuiltinTypeCodec, () =>
      this.#engine.begin(setBuiltinTypeCodec(this.#engine.context, typeName, options)),
    )
  }

  /**
   * Gives a type its built-in codec again, after `setTypeCodec` or `setBuiltinTypeCodec`.
   * @param options.schema the type's schema; without it the search path decides
   * @example con.resetTypeCodec('jsonb')
   */
  resetTypeCodec(typeName: string, options: ResetTypeCodecOptions = {}): void {
    call(this.resetTypeCodec, () => this.#engine.begin(resetTypeCodec(this.#engine.context, typeName, options)))
  }
}

/** The setter function of a property. The stack of its errors begins at the line that assigns. */
function setterOf(name: keyof SettableConnection): (value: never) => void {
  return Object.getOwnPropertyDescriptor(SettableConnection.prototype, name)?.set as (value: never) => void
}
