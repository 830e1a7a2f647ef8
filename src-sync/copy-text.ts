/** Parses a COPY statement as far as needed: its direction, its format and its columns. */
import { ProgrammingError } from '../src-async/errors/tree.ts'
import { Lexer, TOKEN } from '../src-async/values/sql-lexer.ts'

export interface CopyText {
  readonly direction: 'in' | 'out'
  /** `text` is the server's text format, with tabs and `\N`. `other` is CSV, or text with other separators. */
  readonly format: 'binary' | 'text' | 'other'
  /** A SELECT with the same columns, which can be described. */
  readonly columnsSql: string
}

interface Word {
  readonly text: string
  readonly start: number
  readonly end: number
}

/** Options of formats in which `writeRow` cannot write. */
const OTHER_FORMS = ['csv', 'delimiter', 'delimiters', 'null', 'header', 'default']

const OPEN = 0x28
const CLOSE = 0x29

/** @throws ProgrammingError when the text is not a single `COPY … FROM STDIN` or `COPY … TO STDOUT`. */
export function readCopyText(sql: string, standardConformingStrings: boolean): CopyText {
  const { words, options } = wordsOf(sql, standardConformingStrings)
  const [first] = words
  const at = words.findIndex((word, index) => {
    const next = words[index + 1]?.text
    // PostgreSQL's grammar accepts STDIN and STDOUT in both directions.
    return (word.text === 'from' || word.text === 'to') && (next === 'stdin' || next === 'stdout')
  })
  const way = words[at]
  if (first?.text !== 'copy' || way === undefined) {
    throw new ProgrammingError('copy: expected COPY … FROM STDIN or COPY … TO STDOUT')
  }
  const said = new Set([...options, ...words.slice(at + 2).map((word) => word.text)])
  const what = sql.slice(first.end, way.start).trim()
  const format = said.has('binary') ? 'binary' : OTHER_FORMS.some((word) => said.has(word)) ? 'other' : 'text'
  return { direction: way.text === 'from' ? 'in' : 'out', format, columnsSql: columnsSql(what) }
}

/** The words outside parentheses, in order, and the words inside parentheses that follow the last of them. */
function wordsOf(sql: string, standardConformingStrings: boolean): { words: Word[]; options: string[] } {
  const lexer = new Lexer(sql, standardConformingStrings)
  const words: Word[] = []
  let options: string[] = []
  let depth = 0
  let isOver = false
  for (let token = lexer.next(); token !== TOKEN.END; token = lexer.next()) {
    if (token === TOKEN.SPACE || token === TOKEN.COMMENT) continue
    if (isOver && token !== TOKEN.SEMICOLON) {
      throw new ProgrammingError('copy: the text holds several statements: run them one by one')
    }
    if (token === TOKEN.SEMICOLON) isOver = true
    else if (token === TOKEN.OTHER && lexer.code === OPEN) depth += 1
    else if (token === TOKEN.OTHER && lexer.code === CLOSE) depth -= 1
    else if (token === TOKEN.IDENTIFIER) {
      const text = sql.slice(lexer.start, lexer.end).toLowerCase()
      if (depth > 0) {
        options.push(text)
        continue
      }
      words.push({ text, start: lexer.start, end: lexer.end })
      options = []
    }
  }
  return { words, options }
}

/** Makes a SELECT from the source of a COPY: `(select …)`, `t`, or `t (a, b)`. */
function columnsSql(what: string): string {
  if (what.startsWith('(')) return `select * from ${what} as syncpg_copied limit 0`
  const listed = /^([^]*?)\(([^()]*)\)$/.exec(what)
  return listed === null ? `select * from ${what} limit 0` : `select ${listed[2]} from ${listed[1]} limit 0`
}
