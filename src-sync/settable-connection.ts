/**
 * The part of a connection that can be set: how it begins transactions, which markers it reads, how long calls may take,
 * how values of a type are made. `Connection` adds what it does.
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
import { type Engine, call } from './engine.ts'
import { type ErrorHandler, handled, requireHandler } from './error-handler.ts'
import { ExceptionBearer } from './exceptions.ts'
import type { ConnectionInfo } from '../src-async/flows/connection-info.ts'
import { type ParamStyle, requireStyle } from './paramstyle/style.ts'
import type { Settings } from './settings.ts'

export class SettableConnection extends ExceptionBearer {
  readonly #engine: Engine
  readonly #settings: Settings
  /** What is known of the connection; costs no trip. */
  readonly info: ConnectionInfo
  #errorhandler: ErrorHandler | null = null

  constructor(engine: Engine, settings: Settings, info: ConnectionInfo) {
    super()
    this.#engine = engine
    this.#settings = settings
    this.info = info
  }

  /** True after `close`, and after the server or the worker was lost. */
  get closed(): boolean {
    return this.#engine.isClosed || this.#engine.session.isClosed
  }

  /** PEP 249's extension: called instead of throwing, where set. New cursors take it over. */
  get errorhandler(): ErrorHandler | null {
    return this.#errorhandler
  }

  set errorhandler(value: ErrorHandler | null) {
    call(setterOf('errorhandler'), () => {
      this.#errorhandler = requireHandler(value)
    })
  }

  /**
   * A run-time parameter the server reports: `server_version`, `TimeZone` …
   * @example console.log(con.parameter('TimeZone'))
   */
  parameter(name: string): string | undefined {
    return this.info.parameter(name)
  }

  /** Whether statements run outside transactions of the connection's own making. Settable between transactions. */
  get autocommit(): boolean {
    return this.#settings.autocommit
  }

  set autocommit(value: boolean) {
    call(setterOf('autocommit'), () => {
      this.#settings.autocommit = value
    })
  }

  /**
   * The same as setting `autocommit`.
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

  /** Of the transactions the connection begins by itself; undefined for the session's own. Settable between transactions. */
  get isolationLevel(): TransactionOptions['isolation'] {
    return this.#settings.options.isolation
  }

  set isolationLevel(value: TransactionOptions['isolation'] | null) {
    call(setterOf('isolationLevel'), () => {
      this.#settings.change({ isolation: value ?? undefined }, 'isolationLevel')
    })
  }

  get readOnly(): boolean | undefined {
    return this.#settings.options.readOnly
  }

  set readOnly(value: boolean | null | undefined) {
    call(setterOf('readOnly'), () => {
      this.#settings.change({ readOnly: value ?? undefined }, 'readOnly')
    })
  }

  get deferrable(): boolean | undefined {
    return this.#settings.options.deferrable
  }

  set deferrable(value: boolean | null | undefined) {
    call(setterOf('deferrable'), () => {
      this.#settings.change({ deferrable: value ?? undefined }, 'deferrable')
    })
  }

  /** Which markers `execute` reads beside `$1`: `pyformat` (`%s`, `%(name)s`), `format`, `qmark`, `numeric`, `named`. */
  get paramstyle(): ParamStyle {
    return this.#engine.paramstyle
  }

  set paramstyle(style: ParamStyle) {
    call(setterOf('paramstyle'), () => {
      this.#engine.paramstyle = requireStyle(style)
    })
  }

  /** Milliseconds for each call that names no `timeout`; 0 for no limit. Set null or 0 for no limit. */
  get commandTimeout(): number {
    return this.#engine.commandTimeoutMs
  }

  set commandTimeout(value: number | null) {
    call(setterOf('commandTimeout'), () => {
      this.#engine.commandTimeoutMs = readTimeLimit(value, 'commandTimeout') ?? 0
    })
  }

  /**
   * Chooses how values of a type are made, on this connection, and in every array, range, composite made of it.
   * @example con.setTypeCodec('jsonb', { decoder: (text) => text })
   * @throws ProgrammingError for a type that does not exist, or a codec that cannot be its.
   */
  setTypeCodec(typeName: string, options: TypeCodecOptions): void {
    call(this.setTypeCodec, () => this.#engine.run(setTypeCodec(this.#engine.context, typeName, options)))
  }

  /**
   * Gives a type the codec of a built-in one, or of `hstore`: `{ codecName: 'hstore' }`.
   * @example
   *   con.execute('create extension if not exists hstore')
   *   con.setBuiltinTypeCodec('hstore', { codecName: 'hstore' })
   */
  setBuiltinTypeCodec(typeName: string, options: BuiltinTypeCodecOptions): void {
    call(this.setBuiltinTypeCodec, () => this.#engine.run(setBuiltinTypeCodec(this.#engine.context, typeName, options)))
  }

  /**
   * Takes back what `setTypeCodec` or `setBuiltinTypeCodec` chose.
   * @param options.schema the type's schema; the search path finds it without one
   * @example con.resetTypeCodec('jsonb')
   */
  resetTypeCodec(typeName: string, options: ResetTypeCodecOptions = {}): void {
    call(this.resetTypeCodec, () => this.#engine.run(resetTypeCodec(this.#engine.context, typeName, options)))
  }
}

/** The function behind an assignment: errors of it begin at the line that assigns. */
function setterOf(name: keyof SettableConnection): (value: never) => void {
  return Object.getOwnPropertyDescriptor(SettableConnection.prototype, name)?.set as (value: never) => void
}
