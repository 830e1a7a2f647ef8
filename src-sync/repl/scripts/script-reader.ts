/**
 * Cuts a script as psql does: into statements ended by `;` outside quotes, parentheses and SQL-standard bodies, and into
 * backslash commands; puts variables in on the way. Text comes in by whole lines, so that the same reader serves files,
 * pipes and a prompt. Source of truth: PostgreSQL, src/fe_utils/psqlscan.l.
 */
import { SQL_TOKEN, SqlLexer, SqlNesting, type SqlNestingMark, quoteIdentifier, quoteLiteral } from '../../index.ts'
import { commandName, endOfArguments } from '../commands/command-text.ts'

export type ScriptItem =
  | {
      readonly kind: 'statement'
      readonly text: string
      /** Where it begins in the script. */
      readonly line: number
      /** Where a line of it, counted from 1, stands in the script: commands and branches within it are no part of it. */
      readonly lineOf: (statementLine: number) => number
    }
  | { readonly kind: 'command'; readonly name: string; readonly rest: string; readonly line: number }

export interface ReaderOptions {
  /** A variable's value, undefined where it is not set. */
  readonly variable: (name: string) => string | undefined
  readonly standardConformingStrings: () => boolean
  /** Whether a statement ends with its line too. Left out, it does not. */
  readonly isSingleLine?: () => boolean
  /** Whether the text counts: false in a branch of `\if` that is not taken. Left out, all of it does. */
  readonly isActive?: () => boolean
  /** The number of the first line. */
  readonly line?: number
}

/** A statement as far as it has been read: what `\if` goes back to when a branch was not taken. */
export interface ReaderMark {
  readonly before: string
  readonly nesting: SqlNestingMark
  readonly statementLine: number
  readonly resumes: readonly Resume[]
}

/** Where a statement goes on after a command: from which character of it, on which line of the script. */
interface Resume {
  readonly at: number
  readonly line: number
}

const DASH = 0x2d
const BACKSLASH = 0x5c
const COLON = 0x3a

const VARIABLE = /:(?:([\p{L}\p{N}_]+)|'([\p{L}\p{N}_]+)'|"([\p{L}\p{N}_]+)"|\{\?([\p{L}\p{N}_]+)\})/uy

/** Quotes within a literal that do not end it. Lines come whole, so no pair of characters is torn. */
const DOUBLED_QUOTES = /''/g
const DOUBLED_NAME_QUOTES = /""/g
const ESCAPED_QUOTES = /''|\\[^]/g

/** Whether a text that goes on with a literal may end it. @param awaited what ends it, or what of it does not */
function mayEnd(text: string, awaited: RegExp | string): boolean {
  if (typeof awaited === 'string') return text.includes(awaited)
  return text.replace(awaited, '').includes(awaited === DOUBLED_NAME_QUOTES ? '"' : "'")
}

export class ScriptReader {
  readonly #options: ReaderOptions
  #text = ''
  /** Where the current statement goes on in `#text`. */
  #start = 0
  /** Where reading goes on. */
  #at = 0
  /** What of the statement lies before a backslash command. */
  #before = ''
  #resumes: readonly Resume[] = []
  readonly #nesting = new SqlNesting()
  #line: number
  #lineOf = 0
  #statementLine = 0
  #isEnded = false
  /** What is open at the end of the text: a quote, a comment, a parenthesis; empty between statements. */
  open = ''
  /** What ends the token that is open, to look for before everything is read again. */
  #awaited: RegExp | string | null = null

  constructor(options: ReaderOptions) {
    this.#options = options
    this.#line = options.line ?? 1
  }

  /** Adds whole lines. */
  feed(text: string): void {
    // A long literal is read again only when what ends it has come, and is not put together before.
    if (this.#awaited !== null && !mayEnd(text, this.#awaited)) {
      this.#text += text
      return
    }
    this.#awaited = null
    // What has been read of a long statement is not copied with every piece that comes.
    this.#lineAt(this.#at)
    if (this.#isActive) this.#before += this.#text.slice(this.#start, this.#at)
    this.#text = this.#text.slice(this.#at) + text
    this.#lineOf -= this.#at
    this.#start = 0
    this.#at = 0
  }

  /** No more text comes: what is left is a statement. */
  end(): void {
    this.#isEnded = true
    this.#awaited = null
  }

  /** The statement as far as it has been read: what `\g` sends. */
  get buffer(): string {
    const text = withoutLeadingLines((this.#before + this.#text.slice(this.#start, this.#at)).trimStart())
    return text.endsWith('\n') ? text.slice(0, -1) : text
  }

  /** Replaces the statement as far as it has been read. */
  setBuffer(text: string): void {
    this.#reset()
    this.#before = text
    this.open = text === '' ? '' : '-'
  }

  /** The statement at a backslash command. */
  mark(): ReaderMark {
    return {
      before: this.#before + this.#text.slice(this.#start, this.#at),
      nesting: this.#nesting.mark(),
      statementLine: this.#statementLine,
      resumes: this.#resumes,
    }
  }

  /** Forgets what has been read of the statement since the mark. */
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

  /** Characters that have been fed and not been read. */
  get waiting(): number {
    return this.#text.length - this.#at
  }

  /** The number of the current line. */
  get line(): number {
    return this.#lineAt(this.#at)
  }

  /** Takes the text after the current line, unread: the data of a COPY. What is left of the line stays. */
  takeFollowing(): string {
    const lineEnd = this.#text.indexOf('\n', this.#at)
    if (lineEnd < 0) return ''
    const following = this.#text.slice(lineEnd + 1)
    this.#text = this.#text.slice(0, lineEnd + 1)
    return following
  }

  /** Leaves out what is left of the current line: it may belong to the command before it, which has failed. */
  dropLine(): void {
    const lineEnd = this.#text.indexOf('\n', this.#at)
    this.#at = lineEnd < 0 ? this.#text.length : lineEnd
    this.#start = this.#at
  }

  /** Counts lines that were read elsewhere. */
  skipLines(count: number): void {
    this.#lineAt(this.#text.length)
    this.#line += count
  }

  /** The next item, null when more text is needed, or there is none. */
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
              // What was escaped is not looked at again, as it would be from the string before it.
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

  /** With SINGLELINE a line's end is a semicolon, where one would be. */
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
    // A string may go on with its next part on a line to come.
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

  /** Forgets text of a branch that is not taken, so that a long one needs no memory. */
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

  /** Takes a piece out of the statement, and with it the line that a command has to itself. */
  #cut(start: number, end: number): void {
    const before = this.#before + this.#text.slice(this.#start, start)
    this.#before = before.endsWith('\n') ? before.slice(0, -1) : before
    this.#start = end
    this.#at = end
    this.#resumes = [...this.#resumes, { at: this.#before.length, line: this.#lineAt(end) }]
  }

  /** @returns where to read on, null when there is no variable. */
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
      // It is read as if it stood there; its own colons are left alone only where they name nothing.
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

/** Lines of comment before a statement are the script's, not the statement's: errors count from where it begins. */
function withoutLeadingLines(text: string): string {
  return text.replace(/^(?:--[^\n]*(?:\n\s*|$))+/, '')
}

function countLines(text: string, start = 0, end = text.length): number {
  let count = 0
  for (let at = text.indexOf('\n', start); at >= 0 && at < end; at = text.indexOf('\n', at + 1)) count += 1
  return count
}
