/**
 * COPY of bytes in both directions, unchanged: only the server reads and writes the formats. The COPY statements of
 * both faces are built here from names and options.
 */
import { describeValue } from '../errors/describe-value.ts'
import { DbError, ProgrammingError } from '../errors/tree.ts'
import { FLAG, type OptionNames, TEXT, TEXTS } from '../options/known-options.ts'
import { quoteIdentifier, quoteLiteral } from '../values/sql.ts'
import type { ByteSink } from '../wire/row-sink.ts'
import { ask, type Flow } from './ask.ts'
import { noteFailure } from './failed-transaction.ts'
import { type FlowContext, flight } from './flow-context.ts'

/** COPY's own options, with asyncpg's names. The server's default applies to an option that is undefined. */
export interface CopyFormatOptions {
  /** The format; PostgreSQL's default is `'text'`. */
  readonly format?: 'text' | 'csv' | 'binary' | undefined
  /** One character between the columns. By default a tab in text format, a comma in CSV. */
  readonly delimiter?: string | undefined
  /** The text that means NULL. By default `\\N` in text format, the empty text in CSV. */
  readonly null?: string | undefined
  /** Whether the first line has the names of the columns; `'match'` checks them against the table. */
  readonly header?: boolean | 'match' | undefined
  /** The character around a value in CSV, `"` by default. */
  readonly quote?: string | undefined
  /** The character before a quote inside a value in CSV, by default the quote character itself. */
  readonly escape?: string | undefined
  /** The encoding of the bytes, by default that of the session. */
  readonly encoding?: string | undefined
  /** Columns whose values are always quoted when written (CSV); true for all columns. */
  readonly forceQuote?: readonly string[] | true | undefined
  /** Columns whose values are never read as NULL (CSV). */
  readonly forceNotNull?: readonly string[] | undefined
  /** Columns whose values are read as NULL even when they are quoted (CSV). */
  readonly forceNull?: readonly string[] | undefined
  /**
   * Loads rows as already frozen, as VACUUM FREEZE would leave them. Only for a table that this transaction has created
   * or truncated.
   */
  readonly freeze?: boolean | undefined
  /** The text that means the column's default value. PostgreSQL 16 and later. */
  readonly default?: string | undefined
  /**
   * What COPY does with a value that it cannot convert: `'stop'` fails, `'ignore'` skips the row. PostgreSQL 17 and
   * later.
   */
  readonly onError?: 'stop' | 'ignore' | undefined
}

/** COPY's options, and the columns of the table. */
export interface CopyTableOptions extends CopyFormatOptions {
  /** The columns in order, by default all columns of the table. */
  readonly columns?: readonly string[] | undefined
  /** The table's schema; without it the search path decides. */
  readonly schema?: string | undefined
}

/** COPY's options, the columns of the table, and a condition for the rows. */
export interface CopyToTableOptions extends CopyTableOptions {
  /** A condition in SQL. Only rows that meet it are loaded. It is sent as it is. */
  readonly where?: string | undefined
}

/** Either a `source` or an `output`. Each API has its own kinds of both. */
export type SourceOrOutput<Source, Output> =
  | {
      /** Where the bytes come from, for `FROM STDIN`. */
      readonly source: Source
      /** Not together with a source. */
      readonly output?: undefined
    }
  | {
      /** Where the bytes go, for `TO STDOUT`. */
      readonly output: Output
      /** Not together with an output. */
      readonly source?: undefined
    }

/** The names of these options. Each COPY method builds its own list from these. */
export const COPY_FORMAT_NAMES: OptionNames<Required<CopyFormatOptions>> = {
  format: TEXT,
  delimiter: TEXT,
  null: TEXT,
  header: { accepts: (value) => typeof value === 'boolean' || value === 'match', wanted: "a boolean or 'match'" },
  quote: TEXT,
  escape: TEXT,
  encoding: TEXT,
  forceQuote: {
    accepts: (value) => value === true || TEXTS.accepts(value),
    wanted: 'an array of names, or true for all columns',
  },
  forceNotNull: TEXTS,
  forceNull: TEXTS,
  freeze: FLAG,
  default: TEXT,
  onError: TEXT,
}
const OPTION_NAMES = Object.keys(COPY_FORMAT_NAMES) as (keyof CopyFormatOptions)[]
/** Options whose value is an SQL keyword and not a string literal. */
const WORDS: ReadonlySet<string> = new Set(['format', 'onError'])

export function copyToTableSql(table: string, options: CopyToTableOptions): string {
  const where = options.where === undefined ? '' : ` WHERE ${options.where}`
  return `COPY ${tableSql(table, options)} FROM STDIN${optionsSql(options)}${where}`
}

export function copyFromTableSql(table: string, options: CopyTableOptions): string {
  return `COPY ${tableSql(table, options)} TO STDOUT${optionsSql(options)}`
}

export function copyFromQuerySql(query: string, options: CopyFormatOptions): string {
  // The newline ends a line comment that the query may end with.
  return `COPY (${query}\n) TO STDOUT${optionsSql(options)}`
}

function tableSql(table: string, options: CopyTableOptions): string {
  const name = options.schema === undefined ? quoteIdentifier(table) : quoteIdentifier(options.schema, table)
  return options.columns === undefined ? name : `${name} (${namesSql(options.columns)})`
}

function namesSql(names: readonly string[]): string {
  return names.map((name) => quoteIdentifier(name)).join(', ')
}

function optionsSql(options: CopyFormatOptions): string {
  const parts: string[] = []
  for (const name of OPTION_NAMES) {
    const value = options[name]
    if (value === undefined) continue
    const keyword = name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()
    parts.push(`${keyword} ${optionValueSql(name, value)}`)
  }
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`
}

function optionValueSql(name: string, value: unknown): string {
  if (Array.isArray(value)) return `(${namesSql(value as string[])})`
  if (name === 'forceQuote' && value === true) return '*'
  if (typeof value === 'boolean') return value ? 'true' : 'false'
  if (typeof value !== 'string') {
    throw new ProgrammingError(`COPY option ${name}: expected a string, got ${describeValue(value)}`)
  }
  if (!WORDS.has(name) && !(name === 'header' && value === 'match')) return quoteLiteral(value)
  if (!/^[a-z]+$/i.test(value))
    throw new ProgrammingError(`COPY option ${name}: unknown value ${JSON.stringify(value)}`)
  return value
}

/**
 * Whether the step was interrupted. It may have succeeded on the server: then a COPY is open that no caller will end.
 */
function isInterrupted(context: FlowContext, error: unknown): boolean {
  return error instanceof DbError && error.interrupted === true && !context.state.isClosed
}

/** Opens `COPY … FROM STDIN`. */
export function* startCopyIn(context: FlowContext, sql: string): Flow<void> {
  try {
    yield* ask('copyInStart', { sql, ...flight(context) })
  } catch (error) {
    if (isInterrupted(context, error)) yield* abandonCopyIn(context, error)
    throw noteFailure(context, error, sql)
  }
}

/** Sends bytes. Returns when the session can take more. */
export function* sendCopyIn(context: FlowContext, bytes: Uint8Array): Flow<void> {
  try {
    yield* ask('copyInData', { bytes })
  } catch (error) {
    if (isInterrupted(context, error)) yield* abandonCopyIn(context, error)
    throw noteFailure(context, error)
  }
}

/** @returns the command tag, `COPY 42`. */
export function* finishCopyIn(context: FlowContext): Flow<string> {
  try {
    return (yield* ask('copyInEnd', { failure: null })).tag
  } catch (error) {
    throw noteFailure(context, error)
  }
}

/**
 * Aborts a COPY FROM STDIN after an error on the client. The server undoes the COPY. The server's error about it is
 * ignored, because the caller gets the client's error.
 */
export function* abandonCopyIn(context: FlowContext, reason: unknown): Flow<void> {
  const failure = reason instanceof Error ? reason.message : String(reason)
  try {
    yield* ask('copyInEnd', { failure })
  } catch (error) {
    noteFailure(context, reason)
    if (context.state.isClosed) throw error
  }
}

/** Opens `COPY … TO STDOUT`. */
export function* startCopyOut(context: FlowContext, sql: string): Flow<void> {
  try {
    yield* ask('copyOutStart', { sql, ...flight(context) })
  } catch (error) {
    if (isInterrupted(context, error)) yield* abandonCopyOut()
    throw noteFailure(context, error, sql)
  }
}

/** How many bytes one step of a COPY TO STDOUT reads. */
const READ_BYTES = 256 * 1024

/** Passes the received bytes to the sink. @returns the command tag at the end; null while there is more. */
export function* readCopyOut(context: FlowContext, data: ByteSink): Flow<string | null> {
  try {
    return (yield* ask('copyOutRead', { data, maxBytes: READ_BYTES })).tag
  } catch (error) {
    if (isInterrupted(context, error)) yield* abandonCopyOut()
    throw noteFailure(context, error)
  }
}

/** Stops a COPY TO STDOUT. The session is ready for the next call afterwards. */
export function* abandonCopyOut(): Flow<void> {
  yield* ask('copyOutEnd', {})
}

/** A sink that keeps copies of the bytes it receives. */
export class ChunkSink implements ByteSink {
  readonly chunks: Buffer[] = []

  take(bytes: Uint8Array, start: number, end: number): void {
    this.chunks.push(Buffer.from(bytes.subarray(start, end)))
  }
}
