/**
 * The public splitter: splits a text of SQL into statements. For files whose statements must run one by one (several `create
 * index concurrently`), and for dumps that contain COPY data. Knows where statements end, not what they mean.
 */
import { describeValue } from '../errors/describe-value.ts'
import { ProgrammingError } from '../errors/tree.ts'
import { knownOptions, requireKnown, FLAG } from '../options/known-options.ts'
import { Lexer, TOKEN } from './sql-lexer.ts'
import { StatementSpans } from './statement-spans.ts'

/** How `splitStatements` reads the text. */
export interface SplitOptions {
  /** The server's setting of that name; default true. When false, a backslash escapes in plain strings. */
  readonly standardConformingStrings?: boolean | undefined
}

const SPLIT_OPTIONS = knownOptions<SplitOptions>({ standardConformingStrings: FLAG })

/** One statement of a text. */
export interface SplitStatement {
  /** The statement with its semicolon and with a block comment before it, but without `--` lines before it. */
  readonly sql: string
  /** The offset of the statement in the text, in UTF-16 units, as in `text.slice(offset)`. */
  readonly offset: number
  /** The line on which it begins, from 1. */
  readonly line: number
  /** For `COPY … FROM STDIN`: the data lines after it, up to `\.` or the end of the text, for `copyToTable`. Otherwise null. */
  readonly copyData: string | null
}

/** A line that pg_dump writes since 2025. It forbids further commands of psql, and this splitter allows none anyway. */
const HARMLESS_COMMAND = /^\\(?:un)?restrict\b/
const END_OF_DATA = /\n\\\.\r?(?=\n|$)/

/**
 * Splits a text at its semicolons, as psql and the server do. Semicolons inside quotes, dollar quotes, comments, parentheses
 * and the `begin atomic … end` of a function do not count. Empty statements are left out. An unclosed quote or comment reaches to the end
 * of the text, and the server will report it.
 * @throws ProgrammingError for a command of psql (`\connect`), which is not SQL, and for SQL on the same line as COPY's data.
 * @example
 *   for (const { sql, line } of splitStatements('create table a (); create table b ()')) con.execute(sql)
 */
export function splitStatements(text: string, options: SplitOptions = {}): SplitStatement[] {
  if (typeof text !== 'string')
    throw new ProgrammingError(`splitStatements: expected a text, got ${describeValue(text)}`)
  requireKnown(options, SPLIT_OPTIONS, 'splitStatements')
  const isStandard = options.standardConformingStrings ?? true
  const lines = new LineCounter(text)
  const spans = new StatementSpans(text, isStandard, (offset) => afterCommand(text, offset, lines))
  const statements: SplitStatement[] = []
  for (let span = spans.next(); span !== null; span = spans.next()) {
    const sql = text.slice(span.start, span.end)
    const line = lines.at(span.start)
    let copyData: string | null = null
    if (takesData(text.slice(span.head, span.end), isStandard)) {
      const data = dataAfter(text, span.end, line)
      copyData = data.text
      spans.moveTo(data.end)
    }
    statements.push({ sql, offset: span.start, line, copyData })
  }
  return statements
}

function afterCommand(text: string, offset: number, lines: LineCounter): number {
  const lineEnd = text.indexOf('\n', offset)
  const end = lineEnd < 0 ? text.length : lineEnd
  const command = text.slice(offset, end).trimEnd()
  if (HARMLESS_COMMAND.test(command)) return end
  // Like psql, this ignores an end of data that no COPY precedes.
  if (command === '\\.') return end
  throw new ProgrammingError(
    `splitStatements: line ${lines.at(offset)}: ${command.slice(0, 40)} is a command of psql, not SQL`,
    { hint: 'npx syncpg -f FILE runs scripts with psql’s commands in them' },
  )
}

/** Whether a statement is `COPY … FROM STDIN`. */
function takesData(sql: string, isStandard: boolean): boolean {
  if (!/^copy\b/i.test(sql)) return false
  const lexer = new Lexer(sql, isStandard)
  let depth = 0
  let previous = ''
  for (let token = lexer.next(); token !== TOKEN.END; token = lexer.next()) {
    if (token === TOKEN.SPACE || token === TOKEN.COMMENT) continue
    const word = sql.slice(lexer.start, lexer.end).toLowerCase()
    if (word === '(') depth += 1
    else if (word === ')') depth -= 1
    else if (token === TOKEN.IDENTIFIER && word === 'stdin' && previous === 'from' && depth === 0) return true
    previous = token === TOKEN.IDENTIFIER ? word : ''
  }
  return false
}

/** The COPY data, which begins on the line after the statement. */
function dataAfter(text: string, end: number, line: number): { readonly text: string; readonly end: number } {
  const lineEnd = text.indexOf('\n', end)
  const rest = text.slice(end, lineEnd < 0 ? text.length : lineEnd).trim()
  if (rest !== '' && !rest.startsWith('--')) {
    throw new ProgrammingError(
      `splitStatements: line ${line}: the data of a COPY follows, and its line goes on with SQL`,
    )
  }
  if (lineEnd < 0) return { text: '', end: text.length }
  const following = text.slice(lineEnd)
  const found = END_OF_DATA.exec(following)
  if (found === null) return { text: following.slice(1), end: text.length }
  return { text: following.slice(1, found.index + 1), end: lineEnd + found.index + found[0].length }
}

/** Counts lines for offsets in ascending order. */
class LineCounter {
  readonly #text: string
  #offset = 0
  #line = 1

  constructor(text: string) {
    this.#text = text
  }

  at(offset: number): number {
    for (; this.#offset < offset; this.#offset++) {
      const unit = this.#text.charCodeAt(this.#offset)
      if (unit === 0x0a || (unit === 0x0d && this.#text.charCodeAt(this.#offset + 1) !== 0x0a)) this.#line += 1
    }
    return this.#line
  }
}
