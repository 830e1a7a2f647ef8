/**
 * The state that all of the command line shares: the connection, the variables, and the options and destination of output.
 * Batches and the prompt both work on it.
 */
import { isatty } from 'node:tty'
import {
  type Connection,
  type ConnectOptions,
  type Cursor,
  DbError,
  type Notification,
  type Warning,
  connect,
} from '../index.ts'
import { type Verbosity, describeFailure, describeMessage } from './print/complaint.ts'
import { type StandardInput, plainStandardInput } from './statements/copy-source.ts'
import { jsonWithoutControls, tableWithoutControls, withoutControls } from './print/control-text.ts'
import { Output, complain } from './io/output.ts'
import { printTable } from './print/print-table.ts'
import type { ScriptPlace } from './io/progress.ts'
import { type PrintOptions, type Table, type Write, defaultPrintOptions } from './print/table.ts'
import { Variables } from './variables.ts'

/** Exit statuses, as psql's. */
export const EXIT = { success: 0, failure: 1, lost: 2, script: 3 } as const

export interface ShellInit {
  readonly dsn: string | undefined
  readonly options: ConnectOptions
  readonly isInteractive: boolean
}

/** Values for the next statement, or for one that `\parse` has named. */
export interface BoundValues {
  readonly name: string | null
  readonly values: readonly string[]
}

/** How only the next result is printed or used. */
export interface ResultUse {
  readonly expanded?: 'on'
  readonly target?: string
  /** Takes the result in place of printing. */
  readonly consume?: (cursor: Cursor) => void
  /** Whether an error of the target program is an error of the statement. */
  readonly mustSucceed?: boolean
}

export class Shell {
  readonly variables = new Variables()
  readonly print: PrintOptions = defaultPrintOptions()
  readonly isInteractive: boolean
  readonly standard = Output.standard()
  output: Output = this.standard
  /** A file that gets a copy of all output: `-L`. */
  log: Output | null = null
  /** False with `-w`. */
  canAskPassword = true
  /** The source for `pstdin`, and for answers in a script. */
  standardInput: StandardInput = plainStandardInput()
  /** Reads an answer; null when there is none. */
  readAnswer: () => string | null = () => this.standardInput.readLine()
  hasTiming = false
  /** Waits; returns false when Ctrl-C ended the wait. Ctrl-C ends a batch, but only interrupts the prompt. */
  sleep: (milliseconds: number) => boolean = sleepPlainly
  /** Prints through a pager when the standard output is a terminal. */
  page: ((print: (write: (text: string) => void) => void) => void) | null = null
  lastFailure: DbError | null = null
  /** The running script, and the line at which its current statement begins; null at the prompt. */
  script: ScriptPlace | null = null
  /** Whether the statement has ended or hidden the savepoint that ON_ERROR_ROLLBACK set before it. */
  isSavepointGone = false
  /** The running text, so that a notice can show its place in it. */
  statement: string | null = null
  /** The values that `\bind` gave for the next statement. */
  bound: BoundValues | null = null
  /** Whether LISTEN was used, so that notifications are checked for. */
  isListening = false
  /** Called with the encoding of the rest of the running script; null at the prompt. */
  onEncoding: ((encoding: string) => void) | null = null
  /** Set to end the whole program; nothing after it runs. */
  exitStatus: number | null = null
  /** Set by `\restrict`: only `\unrestrict` with this key is allowed. */
  restrictKey: string | null = null
  /** Incremented when something in the catalog may have changed. */
  generation = 0
  dsn: string | undefined
  options: ConnectOptions
  #connection: Connection

  /** @throws the error of `connect`. */
  constructor(init: ShellInit) {
    this.dsn = init.dsn
    this.options = init.options
    this.isInteractive = init.isInteractive
    this.#connection = this.#open()
    this.#describeConnection()
  }

  get connection(): Connection {
    return this.#connection
  }

  /** Opens a new connection, and closes the old one once the new one is open. */
  reconnect(dsn: string | undefined, options: ConnectOptions): void {
    const before = { dsn: this.dsn, options: this.options, connection: this.#connection }
    this.dsn = dsn
    this.options = options
    try {
      this.#connection = this.#open()
    } catch (error) {
      this.dsn = before.dsn
      this.options = before.options
      throw error
    }
    before.connection[Symbol.dispose]()
    this.isListening = false
    this.generation += 1
    this.#describeConnection()
  }

  readonly variable = (name: string): string | undefined => this.variables.get(name)

  readonly standardConformingStrings = (): boolean =>
    this.#connection.info.parameter('standard_conforming_strings') !== 'off'

  /** Writes to standard error, after all earlier output. */
  writeError(text: string): void {
    this.standard.flush()
    complain(text)
  }

  /** Writes to standard error, with the place in the script first. */
  writePlacedError(text: string): void {
    const { place } = this.#manner()
    this.writeError(place === null ? text : `syncpg:${place}: ${text}`)
  }

  /** Prints a warning about something that is ignored. */
  readonly warn = (text: string): void => {
    const { place } = this.#manner()
    this.writeServerText(`syncpg${place === null ? '' : `:${place}`}: warning: ${text}\n`)
  }

  /** Reports that something was not found: plainly at the prompt, as an error in a script. */
  remark(text: string): void {
    const { place } = this.#manner()
    this.writeServerText(place === null ? text : `syncpg:${place}: error: ${text}`)
  }

  fail(failure: unknown): void {
    if (failure instanceof DbError && failure.sqlstate !== null) this.lastFailure = failure
    // The server gives the line within the statement; the place in the script is computed from it.
    const line = failure instanceof DbError && failure.position !== undefined ? (failure.line ?? 1) : 1
    this.writeServerText(describeFailure(failure, { ...this.#manner(line), isInteractive: this.isInteractive }))
  }

  /**
   * Prints a table to the current output. The limit of rows applies only to a terminal, and a message always says so; output
   * to a file or a program is complete.
   */
  show(given: Table, options: PrintOptions = this.print, output: Output = this.output): void {
    const isLimited = output.isTerminal && options.rowLimit > 0 && given.rowCount > options.rowLimit
    const used = isLimited ? options : { ...options, rowLimit: 0 }
    const print = (write: Write): void =>
      output.isTerminal ? printOnTerminal(given, used, write) : printTable(given, used, write)
    if (output.isStandard && this.page !== null) this.page(print)
    else print(output.write)
    if (!isLimited || saysLimit(given, used)) return
    output.flush()
    this.writeError(`(${given.rowCount} rows, the first ${options.rowLimit} shown; \\pset row_limit 0 shows all)\n`)
  }

  /** Writes a long text that is not a result to the standard output, through the pager. */
  pageText(text: string): void {
    if (this.page !== null) this.page((write) => write(text))
    else this.standard.write(text)
  }

  /** Writes text from the server that is not a table. */
  writeText(text: string, output: Output = this.output): void {
    output.write(output.isTerminal ? withoutControls(text) : text)
  }

  /**
   * Prints a message that is not a result, unless QUIET is on. It goes to the standard output, wherever tables go.
   * @param output the destination of tables, for messages of statements
   */
  say(text: string, output: Output = this.standard): void {
    if (!this.variables.isOn('QUIET')) this.writeInfo(`${text}\n`, output)
  }

  /**
   * Writes output that is not a result: command tags, times, messages. When results are JSON for a program, it goes to standard
   * error, so that the output stays valid JSON.
   */
  writeInfo(text: string, output: Output = this.output): void {
    const isJson = this.print.format === 'json' || this.print.format === 'ndjson'
    if (isJson && !(this.isInteractive && output.isStandard)) this.writeServerText(text)
    else this.writeText(text, output)
  }

  /** Prints notifications from other sessions. */
  showNotifications(): void {
    if (!this.isListening || this.#connection.closed) return
    this.showNotices(this.#connection.poll())
  }

  showNotices(notices: readonly Notification[]): void {
    for (const { channel, payload, backendPid } of notices) {
      const withPayload = payload === '' ? '' : ` with payload "${payload}"`
      this.writeInfo(
        `Asynchronous notification "${channel}"${withPayload} received from server process with PID ${backendPid}.\n`,
      )
    }
  }

  close(): void {
    if (this.output !== this.standard) this.output.close()
    this.standard.flush()
    this.log?.close()
    this.#connection[Symbol.dispose]()
  }

  #open(): Connection {
    const isNamed = process.env['PGAPPNAME'] !== undefined || /application_name/.test(this.dsn ?? '')
    const options = { ...(isNamed ? {} : { applicationName: 'syncpg' }), ...this.options, autocommit: true }
    const connection = this.dsn === undefined ? connect(options) : connect(this.dsn, options)
    connection.addNoticeListener((notice) => this.#notice(notice))
    return connection
  }

  #notice(notice: Warning): void {
    this.writeServerText(describeMessage(notice, { ...this.#manner(), statement: this.statement }))
  }

  /** Writes the server's text to standard error; on a terminal control characters are escaped. */
  writeServerText(text: string): void {
    this.writeError(isatty(2) ? withoutControls(text) : text)
  }

  #manner(line = 1): { verbosity: Verbosity; showContext: 'never' | 'errors' | 'always'; place: string | null } {
    const verbosity = this.variables.choice('VERBOSITY') as Verbosity
    const showContext = this.variables.choice('SHOW_CONTEXT') as 'never' | 'errors' | 'always'
    const place = this.script === null ? null : `${this.script.name}:${this.script.lineOf(line)}`
    return { verbosity, showContext, place }
  }

  #describeConnection(): void {
    const { user, database, host, port, serverVersion } = this.#connection.info
    this.variables.set('USER', user)
    this.variables.set('DBNAME', database)
    this.variables.set('HOST', host ?? '')
    this.variables.set('PORT', port === null ? '' : String(port))
    this.variables.set('SERVER_VERSION_NAME', serverVersion)
    this.variables.set('SERVER_VERSION_NUM', String(versionNumber(serverVersion)))
  }
}

/** Prints a table on a terminal with control characters escaped. Aligned formats escape those in cells themselves. */
function printOnTerminal(table: Table, options: PrintOptions, write: Write): void {
  const { format } = options
  if (format === 'json' || format === 'ndjson') {
    return printTable(table, options, (text) => write(jsonWithoutControls(text)))
  }
  const safe = tableWithoutControls(table)
  const isAligned = format === 'aligned' || format === 'wrapped'
  printTable(isAligned ? { ...safe, rows: table.rows, columns: table.columns } : safe, options, write)
}

/** Whether the format itself prints that rows were left out. */
function saysLimit(table: Table, { format, tuplesOnly, footer, expanded }: PrintOptions): boolean {
  if (tuplesOnly || !footer || table.footers !== undefined || expanded !== 'off') return false
  return format === 'aligned' || format === 'wrapped' || format === 'unaligned'
}

/** The server's version as a number, such as 180001 for 18.1. */
export function versionNumber(serverVersion: string): number {
  const [major = '0', minor = '0'] = /^(\d+)(?:\.(\d+))?/.exec(serverVersion)?.slice(1) ?? []
  return Number(major) * 10_000 + Number(minor)
}

const pause = new Int32Array(new SharedArrayBuffer(4))

function sleepPlainly(milliseconds: number): boolean {
  Atomics.wait(pause, 0, 0, milliseconds)
  return true
}
