/**
 * Quotes names and values for places in SQL that take no parameters. Everywhere else, pass values as parameters.
 */
import { isDate } from './any-realm.ts'
import { DataError, ProgrammingError } from '../errors/tree.ts'
import { describeValue, expected } from '../errors/describe-value.ts'
import { requireText } from './codecs/text.ts'
import { asBytes } from './codecs/bytea.ts'
import { instantText } from './instant-text.ts'
import { PgDate } from './pg-date.ts'
import { PgInterval } from './pg-interval.ts'
import { PgTime, PgTimeTz } from './pg-time.ts'

/**
 * Quotes an identifier, or several that a dot joins: `quoteIdentifier('public', 'My table')`.
 * @throws ProgrammingError
 * @example console.log(quoteIdentifier('public', 'My table')) // "public"."My table"
 */
export function quoteIdentifier(...parts: string[]): string {
  if (parts.length === 0) throw new ProgrammingError('quoteIdentifier(): no name was passed')
  return parts
    .map((part) => {
      if (typeof part !== 'string') throw new ProgrammingError(expected('a name', 'an identifier', part).message)
      if (part === '') throw new ProgrammingError('an identifier cannot be empty')
      requireText(part, 'an identifier')
      return `"${part.replaceAll('"', '""')}"`
    })
    .join('.')
}

/** NAMEDATALEN - 1 (src/include/pg_config_manual.h): the server cuts longer identifiers and reports it only in a NOTICE. */
const MOST_CHANNEL_BYTES = 63

/**
 * Quotes the name of a notification channel.
 * @param method the public method that was called, for the error
 * @throws ProgrammingError for a name of more than 63 bytes in UTF-8. The server would listen on a shorter name, and
 *   `pg_notify` refuses the long one, so no notification would ever arrive.
 */
export function quoteChannel(channel: string, method: string): string {
  const quoted = quoteIdentifier(channel)
  const length = Buffer.byteLength(channel)
  if (length <= MOST_CHANNEL_BYTES) return quoted
  throw new ProgrammingError(
    `${method}: the channel name is ${length} bytes long, and PostgreSQL takes ${MOST_CHANNEL_BYTES} bytes at most: it would cut ` +
      `the name and never deliver a notification for it; got ${describeValue(channel)}`,
  )
}

/**
 * A value as a literal of SQL: for DDL defaults, SET, NOTIFY, and other places that take no parameter.
 * @throws DataError for values without an unmistakable literal: objects of unknown classes, functions, symbols.
 * @example console.log(quoteLiteral("it's")) // 'it''s'
 */
export function quoteLiteral(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return quoteString(value)
    case 'number':
      // A bare -0 would be an integer, and integers have no negative zero.
      if (Object.is(value, -0)) return "'-0'::float8"
      if (!Number.isFinite(value)) return `'${value}'::float8`
      // The parentheses keep "- -1" from becoming "--1", which is a comment.
      return value < 0 ? `(${value})` : String(value)
    case 'bigint':
      return value < 0n ? `(${value})` : String(value)
    case 'boolean':
      return String(value)
    case 'object':
      return value === null ? 'null' : quoteObject(value)
    default:
      throw expected('a value', 'a literal', value)
  }
}

function quoteString(value: string): string {
  requireText(value, 'a literal')
  const quoted = `'${value.replaceAll("'", "''")}'`
  // In E'' a backslash escape does not depend on standard_conforming_strings. The blank keeps the E apart from a word before.
  return value.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted
}

function quoteObject(value: object): string {
  if (isDate(value)) {
    if (Number.isNaN(value.getTime())) throw expected('a valid Date', 'a literal', value)
    return `'${instantText(value)}'::timestamptz`
  }
  if (value instanceof PgDate) return `'${value}'::date`
  if (value instanceof PgTimeTz) return `'${value}'::timetz`
  if (value instanceof PgTime) return `'${value}'::time`
  if (value instanceof PgInterval) return `'${value.toISOString()}'::interval`
  if (Array.isArray(value)) return quoteArray(value)
  const bytes = asBytes(value)
  if (bytes === null) throw expected('a value with a literal form', 'a literal', value)
  return `'\\x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')}'::bytea`
}

function quoteArray(list: readonly unknown[]): string {
  if (list.length === 0)
    throw new DataError("an empty array has no type; write '{}'::text[] or the type it should have")
  return `array[${list.map((item) => quoteLiteral(item)).join(', ')}]`
}
