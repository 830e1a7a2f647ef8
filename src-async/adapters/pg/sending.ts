/** A query in the form in which it goes to the driver, and the options for its rows. */
import { type Connection as Driver, DataError, type Pipeline, ProgrammingError, type QueryResult } from '../../index.ts'
import { isServerError } from './database-error.ts'
import { escapeLiteral } from './escape.ts'
import type { Prepared } from './prepare-value.ts'

/** A result whose rows are text, as arrays or objects. */
export type TextResult = QueryResult<unknown>

/** A query to send. */
export interface Sending {
  readonly text: string
  readonly values: readonly Prepared[]
  readonly rowsAsArrays: boolean
  /** Whether the extended protocol is used, in which a text has one statement. */
  readonly isExtended: boolean
}

const TEXT = { types: 'text', values: 'text' } as const
/** Rows that are arrays of text. */
export const AS_ARRAYS = { ...TEXT, rowFactory: 'array' } as const
/** Rows that are plain objects of text. */
export const AS_OBJECTS = { ...TEXT, rowFactory: 'object' } as const

/** The values for the driver; undefined for the simple protocol, in which a text may hold several statements. */
export function valuesOf({ values, isExtended }: Sending): readonly Prepared[] | undefined {
  return values.length === 0 && !isExtended ? undefined : values
}

/** Sends a query of a pipeline in one round trip, and in order. */
export function sentWithin(pipeline: Pipeline, given: Sending): Promise<TextResult> {
  const query = sendable(given)
  const form = query.rowsAsArrays ? AS_ARRAYS : AS_OBJECTS
  return pipeline.query(query.text, valuesOf(query), { ...form, inOrder: true }) as unknown as Promise<TextResult>
}

/** Replaces each half of a surrogate pair by U+FFFD, as pg does. The driver would refuse the query. */
export function wellFormed<T extends Pick<Sending, 'text' | 'values'>>(query: T): T {
  const { text, values } = query
  if (text.isWellFormed() && values.every((value) => typeof value !== 'string' || value.isWellFormed())) return query
  const sound = values.map((value) => (typeof value === 'string' ? value.toWellFormed() : value))
  return { ...query, text: text.toWellFormed(), values: sound }
}

/**
 * The driver has refused a query and sent nothing, so the transaction would go on. Programs for pg rely on a failed
 * transaction: otherwise the statements that wait in the queue would run, and COMMIT would keep them. So this function
 * makes the server report the error.
 * @throws the server's error with the driver's message; the given error if the transaction has already failed
 */
export async function refusedByServer(driver: Driver, error: unknown): Promise<never> {
  const isOwn = !isServerError(error) && (error instanceof DataError || error instanceof ProgrammingError)
  if (!isOwn || driver.isClosed || driver.transactionStatus === 'failed') throw error
  await driver.query(refusal(error instanceof DataError ? BAD_CHARACTER : BAD_MESSAGE, error.message, error.hint))
  throw error
}

// The SQLSTATEs that the server gives to pg for these faults: character_not_in_repertoire and protocol_violation.
const BAD_CHARACTER = '22021'
const BAD_MESSAGE = '08P01'
/** The largest number of parameters: the protocol counts them in two bytes. */
const MOST_VALUES = 65_535

/** A statement that fails with this SQLSTATE and message. */
function refusal(sqlstate: string, message: string, hint?: string | null): string {
  const more = hint ? `, hint = ${escapeLiteral(hint)}` : ''
  const body = `begin raise exception using errcode = '${sqlstate}', message = ${escapeLiteral(message)}${more}; end`
  return `do ${escapeLiteral(body)}`
}

/** Returns the query, or a statement that fails, if the protocol cannot carry the query. */
function sendable(query: Sending): Sending {
  const { text, values } = query
  const isTooMuch = values.length > MOST_VALUES
  if (!isTooMuch && !text.includes('\0')) return query
  const words = isTooMuch
    ? `a statement takes ${MOST_VALUES} values at most, ${values.length} were given`
    : 'the text of a query has a NUL character, which PostgreSQL cannot read'
  return { ...query, text: refusal(BAD_MESSAGE, words), values: [], isExtended: true }
}
