/**
 * What all of the command line shares: the connection, the variables, how tables are printed and where they go. Batches
 * and the prompt are two ways to drive it.
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

/** How a program ends: psql's codes. */
export const EXIT = { success: 0, failure: 1, lost: 2, script: 3 } as const

export interface ShellInit {
  readonly dsn: string | undefined
  readonly options: ConnectOptions
  readonly isInteractive: boolean
}

/** Values for a statement: the next one, or one that `\parse` has named. */
export interface BoundValues {
  readonly name: string | null
  readonly values: readonly string[]
}

/** How the next result alone is printed, or what becomes of it. */
export interface ResultUse {
  readonly expanded?: 'on'
  readonly target?: string
  /** Takes the result instead of a printer. */
  readonly consume?: (cursor: Cursor) => void
  /** Whether the program that is the target has to end well. */
  readonly mustSucceed?: boolean
}

export class Shell {
  readonly variables = new Variables()
  readonly print: PrintOptions = defaultPrintOptions()
  readonly isInteractive: boolean
  readonly standard = Output.standard()
  output: Output = this.standard
  /** Where everything is written too: `-L`. */
  log: Output | null = null
  /** False with `-w`. */
  canAskPassword = true
  /** What `pstdin` is, and where answers come from in a script. */
  standardInput: StandardInput = plainStandardInput()
  /** A line of an answer; null where nobody gives one. */
  readAnswer: () => string | null = () => this.standardInput.readLine()
  hasTiming = false
  /** Waits; false when Ctrl-C has ended it. The prompt can be interrupted, a batch dies of it. */
  sleep: (milliseconds: number) => boolean = sleepPlainly
  /** Prints to the standard output through a pager where it is a terminal. */
  page: ((print: (write: (text: string) => void) => void) => void) | null = null
  lastFailure: DbError | null = null
  /** The script that runs, and the line where its current statement begins; null at the prompt. */
  script: ScriptPlace | null = null
  /** Whether the statement has ended the savepoint that ON_ERROR_ROLLBACK made before it, or made one above it. */
  isSavepointGone = false
  /** The text that runs: a notice says where in it. */
  statement: string | null = null
  /** What `\bind` has given for the next statement. */
  bound: BoundValues | null = null
  /** Whether somebody listens, so that notifications are looked for. */
  isListening = false
  /** Told the encoding of what follows in the script that runs; null at the prompt. */
  onEncoding: ((encoding: string) => void) | null = null
  /** Set by what ends everything, with all that was still to run. */
  exitStatus: number | null = null
  /** Set by `\restrict`: only `\unrestrict` with this key is obeyed. */
  restrictKey: string | null = null
  /** Grows when something in the catalog may have changed. */
  generation = 0
  dsn: string | undefined
  options: ConnectOptions
  #connection: Connection

  /** @throws what `connect` throws. */
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

  /** Connects anew; the old connection is closed when the new one stands. */
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

  /** Tells on the standard error output, after what has been printed. */
  tell(text: string): void {
    this.standard.flush()
    complain(text)
  }

  /** Tells where in a script it is, first. */
  tellPlaced(text: string): void {
    const { place } = this.#manner()
    this.tell(place === null ? text : `syncpg:${place}: ${text}`)
  }

  /** Tells of something that is not done, and is no error. */
  readonly warn = (text: string): void => {
    const { place } = this.#manner()
    this.tellServerText(`syncpg${place === null ? '' : `:${place}`}: warning: ${text}\n`)
  }

  /** Tells what is missing, or asked for: plainly at the prompt, as an error in a script. */
  remark(text: string): void {
    const { place } = this.#manner()
    this.tellServerText(place === null ? text : `syncpg:${place}: error: ${text}`)
  }

  fail(failure: unknown): void {
    if (failure instanceof DbError && failure.sqlstate !== null) this.lastFailure = failure
    // The server says where in the statement, the script where the statement is.
    const line = failure instanceof DbError && failure.position !== undefined ? (failure.line ?? 1) : 1
    this.tellServerText(describeFailure(failure, { ...this.#manner(line), isInteractive: this.isInteractive }))
  }

  /**
   * Prints a table where tables go now. The limit of rows is for tables that somebody looks at, and is always told: what goes
   * to a file or a program is whole.
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
    this.tell(`(${given.rowCount} rows, the first ${options.rowLimit} shown; \\pset row_limit 0 shows all)\n`)
  }

  /** Writes a long text that is no result to the standard output. */
  pageText(text: string): void {
    if (this.page !== null) this.page((write) => write(text))
    else this.standard.write(text)
  }

  /** Writes text of the server's that is no table. */
  writeText(text: string, output: Output = this.output): void {
    output.write(output.isTerminal ? withoutControls(text) : text)
  }

  /**
   * Says something that is no result, unless it shall be quiet: on the standard output, wherever tables go now.
   * @param output where tables go, for what a statement says
   */
  say(text: string, output: Output = this.standard): void {
    if (!this.variables.isOn('QUIET')) this.word(`${text}\n`, output)
  }

  /**
   * Writes what is no result: command tags, times, what commands say. Where results are JSON for a program it goes to the
   * standard error, because it would be no JSON.
   */
  word(text: string, output: Output = this.output): void {
    const isJson = this.print.format === 'json' || this.print.format === 'ndjson'
    if (isJson && !(this.isInteractive && output.isStandard)) this.tellServerText(text)
    else this.writeText(text, output)
  }

  /** Prints what other sessions have said. */
  showNotifications(): void {
    if (!this.isListening || this.#connection.closed) return
    this.showNotices(this.#connection.poll())
  }

  showNotices(notices: readonly Notification[]): void {
    for (const { channel, payload, backendPid } of notices) {
      const withPayload = payload === '' ? '' : ` with payload "${payload}"`
      this.word(
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
    this.tellServerText(describeMessage(notice, { ...this.#manner(), statement: this.statement }))
  }

  /** What a notice or an error says may hold anything. */
  tellServerText(text: string): void {
    this.tell(isatty(2) ? withoutControls(text) : text)
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

/** Prints a table in which nothing steers the screen. Aligned formats write control characters of cells out by themselves. */
function printOnTerminal(table: Table, options: PrintOptions, write: Write): void {
  const { format } = options
  if (format === 'json' || format === 'ndjson') {
    return printTable(table, options, (text) => write(jsonWithoutControls(text)))
  }
  const safe = tableWithoutControls(table)
  const isAligned = format === 'aligned' || format === 'wrapped'
  printTable(isAligned ? { ...safe, rows: table.rows, columns: table.columns } : safe, options, write)
}

/** Whether the format itself says below the rows that there are more. */
function saysLimit(table: Table, { format, tuplesOnly, footer, expanded }: PrintOptions): boolean {
  if (tuplesOnly || !footer || table.footers !== undefined || expanded !== 'off') return false
  return format === 'aligned' || format === 'wrapped' || format === 'unaligned'
}

/** 180001 for 18.1. */
export function versionNumber(serverVersion: string): number {
  const [major = '0', minor = '0'] = /^(\d+)(?:\.(\d+))?/.exec(serverVersion)?.slice(1) ?? []
  return Number(major) * 10_000 + Number(minor)
}

const pause = new Int32Array(new SharedArrayBuffer(4))

function sleepPlainly(milliseconds: number): boolean {
  Atomics.wait(pause, 0, 0, milliseconds)
  return true
}
