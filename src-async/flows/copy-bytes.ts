/**
 * COPY of bytes as they are, both ways: the server reads and writes its formats, we carry them. The statements are built
 * here from names and options, so that both faces build the same.
 */
import { DbError, ProgrammingError } from '../errors/tree.ts'
import type { OptionNames } from '../options/known-options.ts'
import { quoteIdentifier, quoteLiteral } from '../values/sql.ts'
import type { ByteSink } from '../wire/row-sink.ts'
import { ask, type Flow } from './ask.ts'
import { noteFailure } from './failed-transaction.ts'
import { type FlowContext, flight } from './flow-context.ts'

/** COPY's own options, by asyncpg's names; what is undefined is left to the server. */
export interface CopyFormatOptions {
  /** The format; PostgreSQL's default is `'text'`. */
  readonly format?: 'text' | 'csv' | 'binary' | undefined
  /** One character between the columns: a tab in text format, a comma in CSV, unless given. */
  readonly delimiter?: string | undefined
  /** The text that stands for NULL: `\\N` in text format, nothing in CSV, unless given. */
  readonly null?: string | undefined
  /** Whether the first line has the columns' names; `'match'` checks them against the table. */
  readonly header?: boolean | 'match' | undefined
  /** The character around a value of CSV, `"` unless given. */
  readonly quote?: string | undefined
  /** The character before a quote within a value of CSV; the quote itself unless given. */
  readonly escape?: string | undefined
  /** The encoding of the bytes; the session's unless given. */
  readonly encoding?: string | undefined
  /** Columns always quoted on the way out, or true for all. */
  readonly forceQuote?: readonly string[] | true | undefined
  /** Columns whose values are never read as NULL (CSV). */
  readonly forceNotNull?: readonly string[] | undefined
  /** Columns whose quoted values may be NULL too (CSV). */
  readonly forceNull?: readonly string[] | undefined
  /** Loads rows as if VACUUM had frozen them: into a table that this transaction has made or emptied. */
  readonly freeze?: boolean | undefined
  /** PostgreSQL 16 and later: the text that stands for a column's default. */
  readonly default?: string | undefined
  /** PostgreSQL 17 and later. */
  readonly onError?: 'stop' | 'ignore' | undefined
}

/** COPY's options, and which columns of the table. */
export interface CopyTableOptions extends CopyFormatOptions {
  /** The columns, in their order; all of the table's without it. */
  readonly columns?: readonly string[] | undefined
  /** The table's schema; the search path finds it without one. */
  readonly schema?: string | undefined
}

/** COPY's options, which columns of the table, and which rows. */
export interface CopyToTableOptions extends CopyTableOptions {
  /** A condition on the incoming rows, verbatim SQL. */
  readonly where?: string | undefined
}

/** The names of these options, for the lists of the methods that take them. */
export const COPY_FORMAT_NAMES: OptionNames<Required<CopyFormatOptions>> = {
  format: true,
  delimiter: true,
  null: true,
  header: true,
  quote: true,
  escape: true,
  encoding: true,
  forceQuote: true,
  forceNotNull: true,
  forceNull: true,
  freeze: true,
  default: true,
  onError: true,
}
const OPTION_NAMES = Object.keys(COPY_FORMAT_NAMES) as (keyof CopyFormatOptions)[]
/** Options whose value is a word of SQL, not a text. */
const WORDS: ReadonlySet<string> = new Set(['format', 'onError'])

export function copyToTableSql(table: string, options: CopyToTableOptions): string {
  const where = options.where === undefined ? '' : ` WHERE ${options.where}`
  return `COPY ${tableSql(table, options)} FROM STDIN${optionsSql(options)}${where}`
}

export function copyFromTableSql(table: string, options: CopyTableOptions): string {
  return `COPY ${tableSql(table, options)} TO STDOUT${optionsSql(options)}`
}

export function copyFromQuerySql(query: string, options: CopyFormatOptions): string {
  // The query may end in a line comment.
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
    throw new ProgrammingError(`COPY option ${name}: expected a string, got ${typeof value}`)
  }
  if (!WORDS.has(name) && !(name === 'header' && value === 'match')) return quoteLiteral(value)
  if (!/^[a-z]+$/i.test(value))
    throw new ProgrammingError(`COPY option ${name}: unknown value ${JSON.stringify(value)}`)
  return value
}

/** A step that was interrupted may have succeeded all the same: then the COPY is open, and nobody's. */
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

/** Sends bytes; returns when more are wanted. */
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

/** Gives a COPY FROM STDIN up after the client's own failure: the server undoes it; its answer to that is not news. */
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

/** Bytes of one trip of a COPY TO STDOUT. */
const READ_BYTES = 256 * 1024

/** Gives what has come to the sink. @returns the command tag at the end, null while there is more. */
export function* readCopyOut(context: FlowContext, data: ByteSink): Flow<string | null> {
  try {
    return (yield* ask('copyOutRead', { data, maxBytes: READ_BYTES })).tag
  } catch (error) {
    if (isInterrupted(context, error)) yield* abandonCopyOut()
    throw noteFailure(context, error)
  }
}

/** Has no more of a COPY TO STDOUT: the session is ready afterwards. */
export function* abandonCopyOut(): Flow<void> {
  yield* ask('copyOutEnd', {})
}

/** Keeps copies of the bytes it takes. */
export class ChunkSink implements ByteSink {
  readonly chunks: Buffer[] = []

  take(bytes: Uint8Array, start: number, end: number): void {
    this.chunks.push(Buffer.from(bytes.subarray(start, end)))
  }
}
