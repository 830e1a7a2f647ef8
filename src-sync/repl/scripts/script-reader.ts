/**
 * Splits a script as psql does: into statements, which end with `;` outside quotes, parentheses and SQL-standard bodies, and
 * into backslash commands. Also replaces variables. Text is added by whole lines, so that files, pipes and the prompt can use
 * the same reader. Source of truth: PostgreSQL, src/fe_utils/psqlscan.l.
 */
import { SQL_TOKEN, SqlLexer, SqlNesting, type SqlNestingMark, quoteIdentifier, quoteLiteral } from '../../index.ts'
import { commandName, endOfArguments } from '../commands/command-text.ts'

export type ScriptItem =
  | {
      readonly kind: 'statement'
      readonly text: string
      /** The line in the script at which it begins. */
      readonly line: number
      /** The line in the script of a line of the statement (from 1). Commands and branches within it do not count as its lines. */
      readonly lineOf: (statementLine: number) => number
    }
  | { readonly kind: 'command'; readonly name: string; readonly rest: string; readonly line: number }

export interface ReaderOptions {
  /** The value of a variable; undefined when it is not set. */
  readonly variable: (name: string) => string | undefined
  readonly standardConformingStrings: () => boolean
  /** Whether the end of a line ends a statement too. Default false. */
  readonly isSingleLine?: () => boolean
  /** Whether the text is active: false in an inactive branch of `\if`. Default true. */
  readonly isActive?: () => boolean
  /** The number of the first line. */
  readonly line?: number
}

/** The part of a statement that was read, to which `\if` returns after an inactive branch. */
export interface ReaderMark {
  readonly before: string
  readonly nesting: SqlNestingMark
  readonly statementLine: number
  readonly resumes: readonly Resume[]
}

/** The place where a statement continues after a command: an offset in the statement, and a line of the script. */
interface Resume {
  readonly at: number
  readonly line: number
}

const DASH = 0x2d
const BACKSLASH = 0x5c
const COLON = 0x3a

const VARIABLE = /:(?:([\p{L}\p{N}_]+)|'([\p{L}\p{N}_]+)'|"([\p{L}\p{N}_]+)"|\{\?([\p{L}\p{N}_]+)\})/uy

/** Quotes inside a literal that do not end it. Text comes by whole lines, so no such pair is split. */
const DOUBLED_QUOTES = /''/g
const DOUBLED_NAME_QUOTES = /""/g
const ESCAPED_QUOTES = /''|\\[^]/g

/** Whether the text that continues a literal may end it. @param awaited the end, or a pattern of quotes that are no end */
function mayEnd(text: string, awaited: RegExp | string): boolean {
  if (typeof awaited === 'string') return text.includes(awaited)
  return text.replace(awaited, '').includes(awaited === DOUBLED_NAME_QUOTES ? '"' : "'")
}

export class ScriptReader {
  readonly #options: ReaderOptions
  #text = ''
  /** The offset in `#text` at which the current statement continues. */
  #start = 0
  /** The offset in `#text` at which reading continues. */
  #at = 0
  /** The part of the statement that is no longer in `#text`. */
  #before = ''
  #resumes: readonly Resume[] = []
  readonly #nesting = new SqlNesting()
  #line: number
  #lineOf = 0
  #statementLine = 0
  #isEnded = false
  /** What is open at the end of the text: a quote, a comment, a parenthesis; empty between statements. */
  open = ''
  /** The end of the open literal or comment. Nothing is scanned again until new text contains it. */
  #awaited: RegExp | string | null = null

  constructor(options: ReaderOptions) {
    this.#options = options
    this.#line = options.line ?? 1
  }

  /** Adds whole lines. */
  feed(text: string): void {
    // A long literal is scanned again only when its possible end has arrived; until then, text is only collected.
    if (this.#awaited !== null && !mayEnd(text, this.#awaited)) {
      this.#text += text
      return
    }
    this.#awaited = null
    // The part that was read moves to `#before`, so that a long statement is not copied with every new piece.
    this.#lineAt(this.#at)
    if (this.#isActive) this.#before += this.#text.slice(this.#start, this.#at)
    this.#text = this.#text.slice(this.#at) + text
    this.#lineOf -= this.#at
    this.#start = 0
    this.#at = 0
  }

  /** Ends the input; the remaining text is a statement. */
  end(): void {
    this.#isEnded = true
    this.#awaited = null
  }

  /** The part of the statement that was read, which `\g` sends. */
  get buffer(): string {
    const text = withoutLeadingLines((this.#before + this.#text.slice(this.#start, this.#at)).trimStart())
    return text.endsWith('\n') ? text.slice(0, -1) : text
  }

  /** Replaces the part of the statement that was read. */
  setBuffer(text: string): void {
    this.#reset()
    this.#before = text
    this.open = text === '' ? '' : '-'
  }

  /** The state of the statement at a backslash command. */
  mark(): ReaderMark {
    return {
      before: this.#before + this.#text.slice(this.#start, this.#at),
      nesting: this.#nesting.mark(),
      statementLine: this.#statementLine,
      resumes: this.#resumes,
    }
  }

  /** Drops the text of the statement that was read since the mark. */
  rewind(mark: ReaderMark): void {
    this.#before = mark.before
    this.#nesting.restore(mark.nesting)
    this.#statementLine = mark.statementLine
    this.#start = this.#at
    this.#resumes = [...mark.resumes, { at: this.#before.length, line: this.#lineAt(this.#at) }]
  }

  get #isActive(): boolean {
    return this.#options.isActive?.() ?? true
  }

  /** The number of characters that were fed and not read. */
  get waiting(): number {
    return this.#text.length - this.#at
  }

  /** The number of the current line. */
  get line(): number {
    return this.#lineAt(this.#at)
  }

  /** Removes and returns the text after the current line, which is the data of a COPY. The rest of the line stays. */
  takeFollowing(): string {
    const lineEnd = this.#text.indexOf('\n', this.#at)
    if (lineEnd < 0) return ''
    const following = this.#text.slice(lineEnd + 1)
    this.#text = this.#text.slice(0, lineEnd + 1)
    return following
  }

  /** Skips the rest of the current line, because it may belong to the failed command before it. */
  dropLine(): void {
    const lineEnd = this.#text.indexOf('\n', this.#at)
    this.#at = lineEnd < 0 ? this.#text.length : lineEnd
    this.#start = this.#at
  }

  /** Counts lines that another reader has taken. */
  skipLines(count: number): void {
    this.#lineAt(this.#text.length)
    this.#line += count
  }

  /** The next item; null when more text is needed, or none is left. */
  next(): ScriptItem | null {
    if (this.#awaited !== null) return null
    const lexer = this.#lexer(this.#at)
    return this.#scan(lexer)
  }

  #scan(first: SqlLexer): ScriptItem | null {
    let lexer = first
    let continuable = -1
    for (;;) {
      const token = lexer.next()
      const { start, end, code } = lexer
      switch (token) {
        case SQL_TOKEN.END:
          return this.#atEnd(continuable)
        case SQL_TOKEN.SPACE:
        case SQL_TOKEN.COMMENT:
          if (this.#endsWithLine(start, end)) return this.#statement(start, end)
          if (token !== SQL_TOKEN.COMMENT || code === DASH) break
          this.#begin(start)
          if (!lexer.isTerminated && !this.#isEnded) return this.#awaitEnd(lexer)
          break
        case SQL_TOKEN.SEMICOLON:
          if (this.#nesting.isOpen) break
          if (this.#isActive) return this.#statement(end, end)
          this.#drop(end)
          break
        case SQL_TOKEN.STRING:
        case SQL_TOKEN.QUOTED_IDENTIFIER:
        case SQL_TOKEN.DOLLAR_STRING:
          this.#begin(start)
          if (!lexer.isTerminated && !this.#isEnded) return this.#awaitEnd(lexer)
          continuable = token === SQL_TOKEN.STRING ? start : -1
          this.#at = end
          continue
        case SQL_TOKEN.IDENTIFIER:
          this.#begin(start)
          this.#nesting.take(token, code, this.#text, start, end)
          break
        default:
          if (code === BACKSLASH) {
            const escaped = this.#text[start + 1]
            if (escaped === ';' || escaped === ':') {
              // The escaped character must not be scanned again, so scanning does not restart at the string before it.
              continuable = -1
              this.#replace(start, end, '')
              lexer = this.#lexer(start + 1)
              this.#at = start + 1
              continue
            }
            this.#at = start
            return this.#command(start)
          }
          this.#begin(start)
          this.#nesting.take(token, code, this.#text, start, end)
          if (code === COLON && token === SQL_TOKEN.OTHER) {
            const after = this.#variable(start)
            if (after !== null) {
              continuable = -1
              lexer = this.#lexer(after)
              this.#at = after
              continue
            }
          }
      }
      if (token !== SQL_TOKEN.SPACE && token !== SQL_TOKEN.COMMENT) continuable = -1
      this.#at = end
    }
  }

  /** Whether SINGLELINE ends the statement here: the line ends where a semicolon would end it. */
  #endsWithLine(start: number, end: number): boolean {
    if (this.#options.isSingleLine?.() !== true || !this.#isActive) return false
    const isOpen = this.#nesting.isOpen || this.#statementLine === 0
    return !isOpen && this.#text.slice(start, end).includes('\n')
  }

  #lexer(at: number): SqlLexer {
    const lexer = new SqlLexer(this.#text, this.#options.standardConformingStrings())
    lexer.end = at
    return lexer
  }

  #begin(start: number): void {
    if (this.#statementLine === 0) this.#statementLine = this.#lineAt(start)
  }

  #atEnd(continuable: number): ScriptItem | null {
    const { length } = this.#text
    if (this.#isEnded) {
      if (this.buffer === '' || this.#statementLine === 0 || !this.#isActive) return null
      return this.#statement(length, length)
    }
    // A string may continue on the next line.
    if (continuable >= 0) this.#at = continuable
    this.open = this.#statementLine === 0 ? '' : this.#nesting.hasOpenParenthesis ? '(' : '-'
    return null
  }

  #awaitEnd(lexer: SqlLexer): null {
    const { start } = lexer
    this.#at = start
    const opening = this.#text.slice(start, start + 66)
    const dollar = /^\$[^$]*\$/.exec(opening)?.[0]
    const quote = /^[^'"]*"/.test(opening) ? '"' : "'"
    if (opening.startsWith('/*')) this.#awaited = '*/'
    else if (dollar !== undefined) this.#awaited = dollar
    else if (quote === '"') this.#awaited = DOUBLED_NAME_QUOTES
    else if (/^e/i.test(opening)) this.#awaited = ESCAPED_QUOTES
    else this.#awaited = this.#options.standardConformingStrings() ? DOUBLED_QUOTES : quote
    this.open = opening.startsWith('/*') ? '*' : dollar === undefined ? quote : '$'
    return null
  }

  #statement(textEnd: number, end: number): ScriptItem {
    const raw = this.#before + this.#text.slice(this.#start, textEnd)
    const line = this.#statementLine === 0 ? this.#lineAt(textEnd) : this.#statementLine
    const resumes = this.#resumes
    const text = withoutLeadingLines(raw.trim())
    const lineOf = (statementLine: number): number => {
      const lines = text.split('\n').slice(0, statementLine - 1)
      const at = raw.trimEnd().length - text.length + lines.reduce((sum, each) => sum + each.length + 1, 0)
      const resume = resumes.findLast((each) => each.at <= at)
      return resume === undefined ? line + statementLine - 1 : resume.line + countLines(raw, resume.at, at)
    }
    this.#reset()
    this.#start = end
    this.#at = end
    return { kind: 'statement', text, line, lineOf }
  }

  /** Drops the text of an inactive branch, so that a long branch needs no memory. */
  #drop(end: number): void {
    this.#lineAt(end)
    this.#nesting.forgetWords()
    this.#start = end
  }

  #reset(): void {
    this.#before = ''
    this.#resumes = []
    this.#nesting.reset()
    this.#statementLine = 0
    this.#start = this.#at
    this.open = ''
  }

  #command(start: number): ScriptItem | null {
    const lineEnd = this.#text.indexOf('\n', start)
    if (lineEnd < 0 && !this.#isEnded) return null
    const lineText = this.#text.slice(start + 1, lineEnd < 0 ? this.#text.length : lineEnd).replace(/\r$/, '')
    const line = this.#lineAt(start)
    if (lineText.startsWith('\\')) {
      this.#cut(start, start + 2)
      return this.next()
    }
    const typed = /^(?:[!?]|[^\s\\|!]+)/.exec(lineText)?.[0] ?? ''
    const name = commandName(typed)
    const rest = lineText.slice(typed.length)
    const length = endOfArguments(name, rest)
    this.#cut(start, start + 1 + name.length + length)
    return { kind: 'command', name, rest: rest.slice(0, length), line }
  }

  /** Removes a command from the statement, and also its line if nothing else is on it. */
  #cut(start: number, end: number): void {
    const before = this.#before + this.#text.slice(this.#start, start)
    this.#before = before.endsWith('\n') ? before.slice(0, -1) : before
    this.#start = end
    this.#at = end
    this.#resumes = [...this.#resumes, { at: this.#before.length, line: this.#lineAt(end) }]
  }

  /** Replaces a variable. @returns the offset at which to continue; null when there is no such variable. */
  #variable(start: number): number | null {
    if (!this.#isActive) return null
    VARIABLE.lastIndex = start
    const match = VARIABLE.exec(this.#text)
    if (match === null) return null
    const [whole, plain, literal, identifier, test] = match
    const value = this.#options.variable(plain ?? literal ?? identifier ?? test ?? '')
    if (test !== undefined) return this.#replace(start, start + whole.length, value === undefined ? 'FALSE' : 'TRUE')
    if (value === undefined) return plain === undefined ? start + whole.length : null
    if (plain !== undefined) {
      // The value is scanned like other text. It is skipped if it contains its own name, to prevent an endless loop.
      this.#replace(start, start + whole.length, value)
      return value.includes(`:${plain}`) ? start + value.length : start
    }
    const quoted = literal === undefined ? quoteIdentifier(value) : quoteLiteral(value)
    return this.#replace(start, start + whole.length, quoted)
  }

  #replace(start: number, end: number, value: string): number {
    this.#lineAt(start)
    this.#text = this.#text.slice(0, start) + value + this.#text.slice(end)
    this.#line -= countLines(value)
    return start + value.length
  }

  #lineAt(position: number): number {
    if (position > this.#lineOf) {
      this.#line += countLines(this.#text, this.#lineOf, position)
      this.#lineOf = position
    }
    return this.#line
  }
}

/** Removes lines of comment before a statement, because the server counts error positions from the statement's start. */
function withoutLeadingLines(text: string): string {
  return text.replace(/^(?:--[^\n]*(?:\n\s*|$))+/, '')
}

function countLines(text: string, start = 0, end = text.length): number {
  let count = 0
  for (let at = text.indexOf('\n', start); at >= 0 && at < end; at = text.indexOf('\n', at + 1)) count += 1
  return count
}
