/** `pg.DatabaseError`: what the server says, with the names that pg has for its fields. */
import {
  ConnectionDoesNotExistError,
  DbError,
  type PostgresLogMessage,
  ProtocolError,
  type Warning,
} from '../../index.ts'

/** What pg says of a server that is gone without a word. */
export const UNEXPECTED_END = 'Connection terminated unexpectedly'

/** Our names, pg's names, and the letters that the protocol has for them. */
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

/** What the server refuses, with pg's names for its fields: `code`, `detail`, `constraint`, `table` … */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging
export class DatabaseError extends Error {
  /** Bytes of the server's message. */
  readonly length: number
  override name: string

  /** As pg's own. */
  constructor(message: string, length: number, name: string, options?: ErrorOptions) {
    super(message, options)
    this.length = length
    this.name = name
    for (const [, field] of FIELDS) this[field] = undefined as unknown as string
  }
}

/** A notice of the server's. It is an object as pg has it, and no error. */
export interface NoticeMessage extends Partial<Record<Field, string>> {
  /** What the server says. */
  readonly message: string | undefined
  readonly length: number
  readonly name: 'notice'
}

/** Whether the server has said it, and not the driver. */
export function isServerError(error: unknown): error is DbError {
  return error instanceof DbError && error.sqlstate !== null && error.severity !== undefined
}

/** pg's error for the driver's, which is its `cause`. Errors of the driver itself stay what they are. */
export function databaseError(error: unknown): Error {
  if (!isServerError(error)) return error instanceof Error ? error : new Error(String(error))
  const fields = fieldsOf(error)
  const made = new DatabaseError(error.primaryMessage, lengthOf(error, fields), 'error')
  Object.defineProperty(made, 'cause', { value: error, configurable: true, writable: true })
  return Object.assign(made, fields)
}

/** pg's notice for the driver's. */
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

/** The message's length on the wire: for each field a letter, a text and a zero; the severity comes twice. */
function lengthOf(said: ServerWords, fields: Partial<Record<Field, string>>): number {
  const texts = [wordsOf(said), fields.severity ?? '', ...Object.values(fields)]
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text) + 2, 4 + 1)
}

/**
 * What a program gets of a failure to connect, where pg hands on what the server and Node say: an error with a `code`, such as
 * ECONNREFUSED. The driver's own is the `cause`.
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
