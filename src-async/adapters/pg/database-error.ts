/** `pg.DatabaseError`, and the server's notices: the driver's errors with pg's names for their fields. */
import {
  ConnectionDoesNotExistError,
  DbError,
  type PostgresLogMessage,
  ProtocolError,
  type Warning,
} from '../../index.ts'

/** pg's message when a server closes the connection without an error. */
export const UNEXPECTED_END = 'Connection terminated unexpectedly'

/** The fields: syncpg's name, pg's name, and the protocol's letter. */
const FIELDS = [
  ['severity', 'severity', 'S'],
  ['sqlstate', 'code', 'C'],
  ['detail', 'detail', 'D'],
  ['hint', 'hint', 'H'],
  ['position', 'position', 'P'],
  ['internalPosition', 'internalPosition', 'p'],
  ['internalQuery', 'internalQuery', 'q'],
  ['context', 'where', 'W'],
  ['schemaName', 'schema', 's'],
  ['tableName', 'table', 't'],
  ['columnName', 'column', 'c'],
  ['dataTypeName', 'dataType', 'd'],
  ['constraintName', 'constraint', 'n'],
  ['serverSourceFilename', 'file', 'F'],
  ['serverSourceLine', 'line', 'L'],
  ['serverSourceFunction', 'routine', 'R'],
] as const

type Field = (typeof FIELDS)[number][1]
type ServerWords = { readonly primaryMessage?: string; readonly message: string }

/** An error of the server's. */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- `fieldsOf` gives what is declared here.
export interface DatabaseError extends Partial<Record<Field, string>> {}

/** An error from the server, with pg's names for its fields: `code`, `detail`, `constraint`, `table` … */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging
export class DatabaseError extends Error {
  /** Bytes of the server's message. */
  readonly length: number
  override name: string

  /**
   * The parameters are those of pg's class.
   * @example
   *   const error = await client.query('select 1/0').catch((error) => error)
   *   console.log(error instanceof DatabaseError, error.code) // true 22012
   */
  constructor(message: string, length: number, name: string, options?: ErrorOptions) {
    super(message, options)
    this.length = length
    this.name = name
    for (const [, field] of FIELDS) this[field] = undefined as unknown as string
  }
}

/** A notice from the server. It is a plain object, as in pg, and no error. */
export interface NoticeMessage extends Partial<Record<Field, string>> {
  /** The server's message. */
  readonly message: string | undefined
  readonly length: number
  readonly name: 'notice'
}

/** Whether an error comes from the server, and not from the driver. */
export function isServerError(error: unknown): error is DbError {
  return error instanceof DbError && error.sqlstate !== null && error.severity !== undefined
}

/**
 * Makes pg's error for an error of the server. The driver's error becomes its `cause`. Other errors are returned
 * unchanged.
 */
export function databaseError(error: unknown): Error {
  if (!isServerError(error)) return error instanceof Error ? error : new Error(String(error))
  const fields = fieldsOf(error)
  const made = new DatabaseError(error.primaryMessage, lengthOf(error, fields), 'error')
  Object.defineProperty(made, 'cause', { value: error, configurable: true, writable: true })
  return Object.assign(made, fields)
}

/** Turns the driver's notice into pg's. */
export function noticeMessage(notice: Warning | PostgresLogMessage): NoticeMessage {
  const fields = fieldsOf(notice)
  const message = wordsOf(notice)
  return { message, length: lengthOf(notice, fields), name: 'notice', ...fields }
}

function wordsOf({ primaryMessage, message }: ServerWords): string {
  return primaryMessage ?? message
}

function fieldsOf(said: object): Partial<Record<Field, string>> {
  const fields: Partial<Record<Field, string>> = {}
  for (const [ours, theirs] of FIELDS) {
    const value = (said as Record<string, unknown>)[ours]
    if (value !== undefined && value !== null) fields[theirs] = String(value)
  }
  return fields
}

/**
 * The length of the message on the wire: each field has a letter, a text and a zero byte, and the severity is sent
 * twice.
 */
function lengthOf(said: ServerWords, fields: Partial<Record<Field, string>>): number {
  const texts = [wordsOf(said), fields.severity ?? '', ...Object.values(fields)]
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text) + 2, 4 + 1)
}

/**
 * Turns the driver's error about a failed connection into the one that pg gives: the server's error, or Node's with a
 * `code` such as ECONNREFUSED. Errors made here have the driver's error as their `cause`.
 */
export function connectError(error: unknown): Error {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof AggregateError) cause = cause.errors.at(-1)
    if (isServerError(cause)) return databaseError(cause)
    if (cause instanceof ProtocolError)
      return new Error(`received invalid response: ${cause.message}`, { cause: error })
    if (cause instanceof ConnectionDoesNotExistError) return new Error(UNEXPECTED_END, { cause: error })
    if (typeof (cause as NodeJS.ErrnoException | undefined)?.syscall === 'string') return cause as Error
    if (!(cause instanceof Error)) break
  }
  return error instanceof Error ? error : new Error(String(error))
}
