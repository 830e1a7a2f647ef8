/**
 * Hints for errors whose cause the server cannot know: the client began the transaction by itself, it prepares
 * statements, or a pooler is in between. Pure functions: they return text, or a new error. The flows decide when to
 * call them.
 */
import { detailsOf } from './failure.ts'
import type { DbError, ErrorClass } from './tree.ts'

/** Facts about the failed statement that only the flow knows. */
export interface HintCircumstances {
  /** The client began the transaction by itself; the program did not ask for it. */
  readonly implicitTransaction?: boolean
  /** The client prepared the statement under a name of its own. */
  readonly cachedStatement?: boolean
  /** The text had several statements, which the server runs as one transaction. */
  readonly severalStatements?: boolean
}

/** How many characters before a parameter are examined. */
const LONGEST_WORDS = 40

/** The hint for an error, or null when there is nothing to add. */
export function hintFor(error: DbError, circumstances: HintCircumstances = {}): string | null {
  switch (error.sqlstate) {
    case '25001':
    case '2D000':
      return hintForTransaction(circumstances)
    case '42601':
      return hintForMarker(error)
    case '25P02':
      return 'roll back first: the transaction has failed, and none of its changes can be stored'
    case '42P01':
      return hintForDottedName(error)
    case '42P18':
      // For an empty array the server sends a hint itself, and no parameter is involved.
      if (error.serverSourceFunction === 'transformArrayExpr') return null
      return 'the server cannot infer the type of a parameter: cast it, for example $1::text or cast($1 as int)'
    case '42P05':
    case '26000':
      if (circumstances.cachedStatement !== true || isOwnPrepared(error)) return null
      return (
        'the server no longer has this prepared statement. A pooler such as PgBouncer in transaction or statement mode ' +
        'loses it before its version 1.21 (or with max_prepared_statements = 0), and DEALLOCATE ALL drops it: ' +
        'connect with statementCacheSize: 0'
      )
    default:
      return null
  }
}

/**
 * Whether the program uses PREPARE and EXECUTE in SQL. Then the name in the error is the program's, not the driver's.
 */
function isOwnPrepared({ query = '' }: DbError): boolean {
  return /^\s*(?:prepare|execute|deallocate)\b/i.test(query)
}

/** The hint for `copyToTable('shop.item')`, which takes the whole string, with the dot, as the name of the table. */
function hintForDottedName({ query = '' }: DbError): string | null {
  const [, schema, table] = /^COPY "([^".]+)\.([^".]+)"/.exec(query) ?? []
  return schema === undefined || table === undefined ? null : schemaHint(schema, table)
}

/** The hint for a table and its schema that were given in one string. */
export function schemaHint(schema: string, table: string): string {
  return `the whole text is taken for the name of the table: pass '${table}', and the option { schema: '${schema}' }`
}

const ONE_BY_ONE = 'run them one by one, splitStatements(sql) gives them'

/** The hint for a statement that cannot run in a transaction, such as `create index concurrently`. */
function hintForTransaction({ implicitTransaction, severalStatements }: HintCircumstances): string | null {
  if (implicitTransaction === true) {
    const further =
      severalStatements === true
        ? `; the server also runs the statements of one text as one transaction: ${ONE_BY_ONE}`
        : ''
    return `this statement cannot run in a transaction, and the connection has begun one for it: set autocommit to true first${further}`
  }
  if (severalStatements !== true) return null
  return `the server runs the statements of one text as one transaction, in autocommit too: ${ONE_BY_ONE}`
}

/**
 * The hint for a syntax error at a parameter where SQL allows none, for example after IN. Null for other syntax errors.
 */
function hintForMarker({ query, position }: DbError): string | null {
  if (query === undefined || position === undefined) return null
  // Positions count characters, not UTF-16 units. Such statements are short, so splitting them is cheap.
  const characters = [...query]
  const before = characters.slice(Math.max(0, position - 1 - LONGEST_WORDS), position - 1).join('')
  const at = characters.slice(position - 1, position + 1).join('')
  if (/\$\d+\s*%\s*$/.test(before) || (/\$\d+\s*$/.test(before) && at.startsWith('%'))) {
    return 'the percent sign of LIKE is a part of the value: write like $1, and pass `${text}%`'
  }
  if (!/^\$\d/.test(at)) return hintForForeignMarker(query, before, at)
  if (/\bnot\s+in\s*$/i.test(before)) return 'IN takes no parameter for its list: write <> all(…), and pass an array'
  if (/\bin\s*$/i.test(before)) return 'IN takes no parameter for its list: write = any(…), and pass an array'
  if (/\bis\s+not\s*$/i.test(before)) return 'IS NOT takes no parameter: write is distinct from …'
  if (/\bis\s*$/i.test(before)) return 'IS takes no parameter: write is not distinct from …'
  const typed = /\b(interval|date|time|timestamp|timestamptz)\s*$/i.exec(before)?.[1]
  if (typed !== undefined)
    return `${typed.toLowerCase()} '…' takes no parameter: write cast(… as ${typed.toLowerCase()})`
  if (/^\s*set\s/i.test(query) && /(?:=|\bto)\s*$/i.test(before)) {
    return "SET takes no parameter: write select set_config('name', …, false)"
  }
  if (/\bvalues\s*$/i.test(before))
    return 'VALUES takes no parameter for its rows: write values ($1, $2), with executemany for many rows'
  if (/\bpassword\s*$/i.test(before)) return `this statement takes no parameters: ${INTO_TEXT}`
  if (/^\s*notify\b/i.test(query)) return 'NOTIFY takes no parameters: write select pg_notify(channel, payload)'
  if (/^\s*(?:create|alter|drop|comment|grant|revoke|copy|do)\b/i.test(query) && !NAMED_NEXT.test(before)) {
    return `this statement takes no parameters: ${INTO_TEXT}`
  }
  if (NAMED_NEXT.test(before)) return 'a name takes no parameter: put it into the text with quoteIdentifier(name)'
  return null
}

/** The advice for values in statements that take no parameters. */
export const INTO_TEXT = "put the value into the text: format('… %L', value)"

/** The hint for markers of other drivers, in a text without `$1`. */
function hintForForeignMarker(query: string, before: string, at: string): string | null {
  if (/\$\d/.test(query)) return null
  const isMarked =
    /(?:^|[\s(,=<>])(?:\?|%s|%\(\w+\)s|:\w+|[@$]\w+)\s*$/.test(before) || /^(?:%[s(]|:\w|\?|[@$]\w)/.test(at)
  return isMarked ? 'parameters are written $1, $2 …, and their values come in an array' : null
}

/** Words after which SQL expects the name of a table or another object. */
const NAMED_NEXT = /\b(?:from|join|into|update|table|only|exists|view|index|schema|role|user|database|truncate)\s*$/i

/** The hint for an error at the start of a session; null where there is nothing to add. */
export function hintForStart({ message }: { readonly message: string }): string | null {
  // This is PgBouncer's message. The SQLSTATE that it sends is not specific to this error.
  if (!message.startsWith('unsupported startup parameter')) return null
  return (
    'a pooler refuses this setting: connect directly to the server, as migrations should, or list the setting in its ' +
    "ignore_startup_parameters, or set it for the role: alter role … set statement_timeout = '5s'"
  )
}

/** Adds a hint after the server's own. @returns a new error of the same class, with the same stack */
export function withHint(error: DbError, hint: string | null): DbError {
  if (hint === null || error.hint?.includes(hint) === true) return error
  const errorClass = error.constructor as ErrorClass
  const cause = 'cause' in error ? { cause: error.cause } : {}
  const combined = error.hint === undefined || error.hint === '' ? hint : `${error.hint}\n${hint}`
  const copy = new errorClass(error.primaryMessage, { ...detailsOf(error), hint: combined, ...cause })
  const frames = framesOf(error)
  const stack = `${copy.name}: ${copy.message}${frames === '' ? '' : `\n${frames}`}`
  Object.defineProperty(copy, 'stack', { value: stack, writable: true, configurable: true, enumerable: false })
  return copy
}

/** The stack without the name and message at its head. */
function framesOf(error: globalThis.Error): string {
  const lines = (error.stack ?? '').split('\n')
  const first = lines.findIndex((line) => /^\s+at /.test(line))
  return first < 0 ? '' : lines.slice(first).join('\n')
}
