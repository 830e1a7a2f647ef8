/**
 * The text of a backslash command: where it ends, and what its arguments are. Quotes, variables and backquotes are
 * psql's. Source of truth: PostgreSQL manual, psql, "Meta-Commands".
 */
import { spawnSync } from 'node:child_process'
import { homedir } from 'node:os'
import { quoteIdentifier, quoteLiteral } from '../../index.ts'
import { ShellError } from '../print/complaint.ts'

/** Commands whose argument is the rest of the line, whatever is in it. */
const WHOLE_LINE = new Set(['copy', '!', 'js', 'help', 'h', 'sf', 'sf+', 'sv', 'sv+', 'ef', 'ev'])
/** Commands that may be given `|command`, which is the rest of the line; `\g` and `\gx` have options before it. */
const TAKES_PIPE = /^(?:g|gx|o|out|w|write)$/
const PIPE = /^\s*(?:\([^)]*\)\s*)?\|/

/** The name that a command goes by: of `\copy` alone the case does not count, as in psql. */
export function commandName(typed: string): string {
  return /^copy$/i.test(typed) ? 'copy' : typed
}

/** Where the arguments of a command end, in the text after its name. */
export function endOfArguments(name: string, rest: string): number {
  const isWhole = WHOLE_LINE.has(name) || (TAKES_PIPE.test(name) && PIPE.test(rest))
  return isWhole ? rest.length : endOfCommand(rest)
}

/** Where results go: `|command` as it was written, a file by its first argument; undefined where nothing is said. */
export function targetOf(rest: string, variable: ArgumentOptions['variable']): string | undefined {
  const text = rest.trim()
  if (text.startsWith('|')) return text
  const [path] = readArguments(text, { variable })
  return path === undefined ? undefined : atHome(path)
}

/** A path that may begin with `~/`, which the shell would have read. */
export function atHome(path: string): string {
  return path === '~' || path.startsWith('~/') ? homedir() + path.slice(1) : path
}

/** Tells of words that a command does not take. They are no error: scripts have them. */
export function warnOfWords(
  { warn }: { readonly warn: (text: string) => void },
  name: string,
  words: readonly string[],
  taken: number,
): void {
  for (const word of words.slice(taken)) warn(`\\${name}: extra argument "${word}" ignored`)
}

/** Where a command's arguments end: at a backslash outside quotes, which begins the next command. */
function endOfCommand(rest: string): number {
  let quote = ''
  for (let at = 0; at < rest.length; at++) {
    const unit = rest[at]!
    if (quote !== '') {
      if (unit === '\\' && quote === "'") at += 1
      else if (unit === quote) quote = ''
    } else if (unit === "'" || unit === '"' || unit === '`') quote = unit
    else if (unit === '\\') return at
  }
  return rest.length
}

/** A backslash in quotes: a letter's meaning, up to three octal digits, up to two of hexadecimal, or the character itself. */
const ESCAPE = /^\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|([^]?))/
const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f' }
const VARIABLE = /^:(?:([\p{L}\p{N}_]+)|'([\p{L}\p{N}_]+)'|"([\p{L}\p{N}_]+)"|\{\?([\p{L}\p{N}_]+)\})/u

export interface ArgumentOptions {
  readonly variable: (name: string) => string | undefined
  /** Keep double quotes as they are: for names and patterns, which read them by themselves. */
  readonly keepsQuotes?: boolean
  /** How many the command takes: those behind them are read, and no program is run for them. */
  readonly most?: number | undefined
}

/** The arguments of a command. @throws Error for a quote that is not closed. */
export function readArguments(rest: string, options: ArgumentOptions): string[] {
  const found: string[] = []
  let at = 0
  for (;;) {
    while (at < rest.length && /\s/.test(rest[at]!)) at += 1
    if (at >= rest.length) return found
    const isWanted = options.most === undefined || found.length < options.most
    const argument = readArgument(rest, at, options, isWanted)
    found.push(argument.text)
    at = argument.end
  }
}

function readArgument(
  rest: string,
  start: number,
  options: ArgumentOptions,
  isWanted: boolean,
): { text: string; end: number } {
  let text = ''
  let at = start
  while (at < rest.length && !/\s/.test(rest[at]!)) {
    const unit = rest[at]!
    if (unit === "'") {
      const quoted = readQuoted(rest, at)
      text += quoted.text
      at = quoted.end
    } else if (unit === '"') {
      const end = endOfQuote(rest, at, '"')
      text += options.keepsQuotes === true ? rest.slice(at, end) : rest.slice(at + 1, end - 1).replaceAll('""', '"')
      at = end
    } else if (unit === '`') {
      const end = endOfQuote(rest, at, '`')
      const command = rest.slice(at + 1, end - 1)
      text += isWanted ? outputOf(withVariables(command, options.variable)) : command
      at = end
    } else if (unit === ':') {
      const match = VARIABLE.exec(rest.slice(at))
      if (match === null) text += ':'
      else text += isWanted ? variableText(match, options.variable) : match[0]
      at += match?.[0].length ?? 1
    } else {
      text += unit
      at += 1
    }
  }
  return { text, end: at }
}

function variableText(match: RegExpExecArray, lookUp: (name: string) => string | undefined): string {
  const [whole, plain, literal, identifier, test] = match
  const value = lookUp(plain ?? literal ?? identifier ?? test ?? '')
  if (test !== undefined) return value === undefined ? 'FALSE' : 'TRUE'
  if (value === undefined) return whole
  if (plain !== undefined) return value
  return literal === undefined ? quoteIdentifier(value) : quoteLiteral(value)
}

function readQuoted(rest: string, start: number): { text: string; end: number } {
  let text = ''
  let at = start + 1
  for (;;) {
    const unit = rest[at]
    if (unit === undefined) throw new Error('unterminated quoted string')
    if (unit === "'") {
      if (rest[at + 1] !== "'") return { text, end: at + 1 }
      text += "'"
      at += 2
    } else if (unit === '\\') {
      const escape = ESCAPE.exec(rest.slice(at, at + 4))!
      text += unescaped(escape)
      at += escape[0].length
    } else {
      text += unit
      at += 1
    }
  }
}

/** Bytes that are no ASCII are taken as characters: words are text here. */
function unescaped([, octal, hex, character = '']: RegExpExecArray): string {
  if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff)
  if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16))
  return ESCAPES[character] ?? character
}

function endOfQuote(rest: string, start: number, quote: string): number {
  let at = start + 1
  for (;;) {
    const closing = rest.indexOf(quote, at)
    if (closing < 0) throw new Error('unterminated quoted string')
    if (quote !== '"' || rest[closing + 1] !== quote) return closing + 1
    at = closing + 2
  }
}

const IN_BACKQUOTES = /:(?:([\p{L}\p{N}_]+)|'([\p{L}\p{N}_]+)')/gu
/** What means nothing to a shell. */
const PLAIN_WORD = /^[A-Za-z0-9_./:-]+$/

/** A command for the shell: `:name` is put in as it is, `:'name'` as one word of the shell's. What is not set stays as it stands. */
function withVariables(command: string, lookUp: ArgumentOptions['variable']): string {
  return command.replace(IN_BACKQUOTES, (whole, plain?: string, quoted?: string) => {
    const value = lookUp(plain ?? quoted ?? '')
    if (value === undefined || plain !== undefined) return value ?? whole
    return shellWord(value)
  })
}

function shellWord(value: string): string {
  if (/[\n\r]/.test(value)) {
    throw new ShellError(`shell command argument contains a newline or carriage return: "${value}"`)
  }
  return PLAIN_WORD.test(value) ? value : `'${value.replaceAll("'", `'"'"'`)}'`
}

/** What it has printed, however it ended; the shell says by itself what went wrong. */
function outputOf(command: string): string {
  const stdio = ['inherit', 'pipe', 'inherit'] as const
  const { stdout } = spawnSync(command, { shell: true, encoding: 'utf8', stdio: [...stdio], maxBuffer: 2 ** 30 })
  return stdout.replace(/\r?\n$/, '')
}
