/**
 * Rewrites the user's statement to PostgreSQL's own markers. Results are cached by text, so that a statement in a loop is
 * scanned once. Scanning costs far less than a round trip, so the cache is small and skips long statements.
 */
import { knownOptions, requireKnown, FLAG } from '../../src-async/options/known-options.ts'
import { type Edit, type MarkerKind, type ParamStyle, scanMarkers } from './marker-scan.ts'

export type { Edit, MarkerKind, ParamStyle } from './marker-scan.ts'

/** The settings that `rewriteMarkers` needs to read a text as the server does. */
export interface RewriteOptions {
  /** The server's setting of that name: when off, a backslash escapes a quote in plain strings. */
  readonly standardConformingStrings: boolean
  /** False: the text stays as it is, with markers and doubled `%%`, and may contain several statements. */
  readonly hasParameters: boolean
}

/** A statement with its markers as the server's `$1`, `$2`, and what is needed to find the parameters again. */
export interface RewrittenStatement {
  /** The text as the user wrote it. */
  readonly source: string
  /** The text for the server. */
  readonly text: string
  /** The parameter style that the text was read in. */
  readonly style: ParamStyle
  /** The setting of the server that the text was read for. */
  readonly standardConformingStrings: boolean
  /** Which markers the text has: none, `$1`, positional ones or named ones. */
  readonly kind: MarkerKind
  /** For each server parameter, `$1` first: the array index or the object key of its value. */
  readonly order: readonly (number | string)[]
  /** For each server parameter, the index of the first one with its name; undefined when every name is used once. */
  readonly firstPlaces: readonly number[] | undefined
  /** The edits that turned `source` into `text`. */
  readonly edits: readonly Edit[]
  /** Number of statements that are not empty. It may be too high because of the body of an SQL function, and is never too low. */
  readonly statementCount: number
  /** Offset in `source` of a quote that is never closed; null when all are. */
  readonly unterminatedAt: number | null
}

/** Limits of the cache: number of statements, length of one, parameters of one. */
const MOST_REMEMBERED = 500
const LONGEST_REMEMBERED = 16_384
const MOST_PARAMETERS_REMEMBERED = 100

/** One cache per combination of style and options; each maps the text to its result, the oldest first. */
const remembered = new Map<string, Map<string, RewrittenStatement>>()

const REWRITE_OPTIONS = knownOptions<RewriteOptions>({ standardConformingStrings: FLAG, hasParameters: FLAG })

/**
 * Rewrites a statement for the server, for programs that read statements.
 * @throws ProgrammingError as `rewrite`, and for an unknown option.
 * @example
 *   const { text } = rewriteMarkers('select %s', 'pyformat', { standardConformingStrings: true, hasParameters: true })
 *   console.log(text) // select $1
 */
export function rewriteMarkers(sql: string, style: ParamStyle, options: RewriteOptions): RewrittenStatement {
  requireKnown(options, REWRITE_OPTIONS, 'rewriteMarkers')
  return rewrite(sql, style, options)
}

/**
 * Rewrites a statement for the server.
 * @throws ProgrammingError when markers are mixed, malformed or too many, or a comment is never closed.
 * @example
 *   const { text } = rewriteMarkers('select %s', 'pyformat', { standardConformingStrings: true, hasParameters: true })
 *   console.log(text) // select $1
 */
export function rewrite(sql: string, style: ParamStyle, options: RewriteOptions): RewrittenStatement {
  if (sql.length > LONGEST_REMEMBERED) return read(sql, style, options)
  const memory = memoryFor(style, options)
  const known = memory.get(sql)
  if (known !== undefined) {
    // The order of use matters only when the cache is full and drops entries.
    if (memory.size >= MOST_REMEMBERED) {
      memory.delete(sql)
      memory.set(sql, known)
    }
    return known
  }
  const rewritten = read(sql, style, options)
  if (rewritten.order.length > MOST_PARAMETERS_REMEMBERED) return rewritten
  if (memory.size >= MOST_REMEMBERED) memory.delete(memory.keys().next().value!)
  memory.set(sql, rewritten)
  return rewritten
}

function memoryFor(style: ParamStyle, options: RewriteOptions): Map<string, RewrittenStatement> {
  const escapes = options.standardConformingStrings ? '' : '\\'
  const key = options.hasParameters ? `${style}${escapes}` : `${style}${escapes}-`
  let memory = remembered.get(key)
  if (memory === undefined) remembered.set(key, (memory = new Map()))
  return memory
}

function read(sql: string, style: ParamStyle, options: RewriteOptions): RewrittenStatement {
  const { standardConformingStrings } = options
  const found = scanMarkers(sql, options.hasParameters ? style : null, standardConformingStrings)
  return { source: sql, text: applyEdits(sql, found.edits), style, standardConformingStrings, ...found }
}

function applyEdits(sql: string, edits: readonly Edit[]): string {
  if (edits.length === 0) return sql
  let text = ''
  let from = 0
  for (const edit of edits) {
    text += sql.slice(from, edit.start) + edit.text
    from = edit.end
  }
  return text + sql.slice(from)
}
