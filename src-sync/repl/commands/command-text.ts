/**
 * The text of a backslash command: where it ends, and its arguments. Quotes, variables and backquotes work as in psql.
 * Source of truth: PostgreSQL manual, psql, "Meta-Commands".
 */
import { spawnSync } from 'node:child_process'
import { homedir } from 'node:os'
import { quoteIdentifier, quoteLiteral } from '../../index.ts'
import { ShellError } from '../print/complaint.ts'

/** Commands whose argument is the whole rest of the line. */
const WHOLE_LINE = new Set(['copy', '!', 'js', 'help', 'h', 'sf', 'sf+', 'sv', 'sv+', 'ef', 'ev'])
/** Commands that accept `|command`, which is the rest of the line. `\g` and `\gx` may have options before it. */
const TAKES_PIPE = /^(?:g|gx|o|out|w|write)$/
const PIPE = /^\s*(?:\([^)]*\)\s*)?\|/

/** The name of a command. As in psql, only `\copy` may be written in any case. */
export function commandName(typed: string): string {
  return /^copy$/i.test(typed) ? 'copy' : typed
}

/** The offset in the text after the name at which the arguments end. */
export function endOfArguments(name: string, rest: string): number {
  const isWhole = WHOLE_LINE.has(name) || (TAKES_PIPE.test(name) && PIPE.test(rest))
  return isWhole ? rest.length : endOfCommand(rest)
}

/** The destination of results: `|command` as written, or a file from the first argument; undefined when none is given. */
export function targetOf(rest: string, variable: ArgumentOptions['variable']): string | undefined {
  const text = rest.trim()
  if (text.startsWith('|')) return text
  const [path] = readArguments(text, { variable })
  return path === undefined ? undefined : atHome(path)
}

/** Expands `~/` at the beginning of a path, because no shell does it here. */
export function atHome(path: string): string {
  return path === '~' || path.startsWith('~/') ? homedir() + path.slice(1) : path
}

/** Warns about words that a command does not take. They are no error, because scripts contain them. */
export function warnOfWords(
  { warn }: { readonly warn: (text: string) => void },
  name: string,
  words: readonly string[],
  taken: number,
): void {
  for (const word of words.slice(taken)) warn(`\\${name}: extra argument "${word}" ignored`)
}

/** The end of a command's arguments: a backslash outside quotes, which begins the next command. */
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

/** An escape in quotes: a letter, up to three octal digits, up to two hexadecimal digits, or any other character. */
const ESCAPE = /^\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|([^]?))/
const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f' }
const VARIABLE = /^:(?:([\p{L}\p{N}_]+)|'([\p{L}\p{N}_]+)'|"([\p{L}\p{N}_]+)"|\{\?([\p{L}\p{N}_]+)\})/u

export interface ArgumentOptions {
  readonly variable: (name: string) => string | undefined
  /** Whether double quotes are kept, for names and patterns, whose own parsers read them. */
  readonly keepsQuotes?: boolean
  /** The number of arguments that the command takes. Later ones are read, but their backquotes run no programs. */
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

/** The character for an escape. Bytes beyond ASCII become characters with that code, because arguments are text. */
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
/** Text without special meaning in a shell. */
const PLAIN_WORD = /^[A-Za-z0-9_./:-]+$/

/** Inserts variables into a shell command: `:name` unchanged, `:'name'` as one shell word. Unset variables stay as they are. */
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

/** The output of a command, whatever its exit status is; the shell itself prints its errors. */
function outputOf(command: string): string {
  const stdio = ['inherit', 'pipe', 'inherit'] as const
  const { stdout } = spawnSync(command, { shell: true, encoding: 'utf8', stdio: [...stdio], maxBuffer: 2 ** 30 })
  return stdout.replace(/\r?\n$/, '')
}
