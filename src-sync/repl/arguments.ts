/** Parses the command line: psql's options, and those for formats that psql does not have. */
import type { ConnectOptions } from '../index.ts'
import { ShellError } from './print/complaint.ts'
import { FORMATS, type Format, type PrintOptions, defaultPrintOptions } from './print/table.ts'

export type BatchAction =
  | { readonly kind: 'command'; readonly text: string }
  | { readonly kind: 'file'; readonly path: string }

export interface CommandLine {
  readonly actions: BatchAction[]
  readonly options: { -readonly [K in 'host' | 'port' | 'user' | 'database']?: string }
  /** Names with values; undefined unsets the variable. */
  readonly variables: [string, string | undefined][]
  readonly print: PrintOptions
  dsn: string | undefined
  output: string | null
  /** A file that gets a copy of all output. */
  log: string | null
  isSingleTransaction: boolean
  isQuiet: boolean
  readsStartFile: boolean
  listsDatabases: boolean
  asksPassword: boolean
  neverAsksPassword: boolean
  /** What to print before the program ends. */
  shows: 'help' | 'version' | null
  readonly settings: [string, string][]
}

/** Long options and the short ones with the same meaning; those that take a value end in `=`. */
const LONG: Readonly<Record<string, string>> = {
  'command=': 'c',
  'file=': 'f',
  'single-transaction': '1',
  'tuples-only': 't',
  'no-align': 'A',
  'field-separator=': 'F',
  'record-separator=': 'R',
  'field-separator-zero': 'z',
  'record-separator-zero': '0',
  expanded: 'x',
  quiet: 'q',
  'no-psqlrc': 'X',
  'set=': 'v',
  'variable=': 'v',
  'output=': 'o',
  'host=': 'h',
  'port=': 'p',
  'username=': 'U',
  'dbname=': 'd',
  'no-password': 'w',
  password: 'W',
  list: 'l',
  version: 'V',
  'echo-all': 'a',
  'echo-queries': 'e',
  'echo-errors': 'b',
  'echo-hidden': 'E',
  html: 'H',
  'table-attr=': 'T',
  'no-readline': 'n',
  'pset=': 'P',
  'log-file=': 'L',
  'single-line': 'S',
  'single-step': 's',
}
const TAKES_VALUE = new Set([...'cfFRvohpUdPTL'])
const FLAGS = new Set([...'1tAz0xqXwWlVaebnEHsS?'])

/** @throws ShellError for an unknown option. */
export function readCommandLine(words: readonly string[]): CommandLine {
  const line: CommandLine = {
    actions: [],
    options: {},
    variables: [],
    print: defaultPrintOptions(),
    dsn: undefined,
    output: null,
    log: null,
    isSingleTransaction: false,
    isQuiet: false,
    readsStartFile: true,
    listsDatabases: false,
    asksPassword: false,
    neverAsksPassword: false,
    shows: null,
    settings: [],
  }
  const plain: string[] = []
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    if (word === '--') {
      plain.push(...words.slice(at + 1))
      break
    }
    if (word.startsWith('--')) at = readLong(line, words, at)
    else if (word.startsWith('-') && word.length > 1) at = readShort(line, words, at)
    else plain.push(word)
  }
  readPlain(line, plain)
  return line
}

function readLong(line: CommandLine, words: readonly string[], at: number): number {
  const [, typed = '', value] = /^--([^=]*)(?:=([^]*))?$/.exec(words[at]!) ?? []
  const name = wholeName(typed)
  if ((FORMATS as readonly string[]).includes(name) && value === undefined) {
    line.print.format = name as Format
    return at
  }
  // `--help=commands` and the like of psql print the same single page here.
  if (name === 'help') line.shows = 'help'
  else if (LONG[name] !== undefined && value === undefined) apply(line, LONG[name]!, '')
  else if (LONG[`${name}=`] !== undefined) {
    const given = value ?? words[at + 1]
    if (given === undefined) throw new ShellError(`option '--${name}' requires an argument`)
    apply(line, LONG[`${name}=`]!, given)
    return value === undefined ? at + 1 : at
  } else throw new ShellError(`unrecognized option '${words[at]}'\nTry "syncpg --help" for more information.`)
  return at
}

/** The full name of an abbreviated option. @throws ShellError when the abbreviation is ambiguous. */
function wholeName(typed: string): string {
  const names = [...new Set([...Object.keys(LONG).map((name) => name.replace('=', '')), ...FORMATS, 'help'])]
  if (names.includes(typed)) return typed
  const found = names.filter((name) => name.startsWith(typed))
  if (found.length < 2) return found[0] ?? typed
  // Two names for the same option are not ambiguous.
  const letters = new Set(found.map((name) => LONG[name] ?? LONG[`${name}=`] ?? name))
  if (letters.size === 1) return found[0]!
  const list = found.map((name) => ` '--${name}'`).join('')
  throw new ShellError(
    `option '--${typed}' is ambiguous; possibilities:${list}\nTry "syncpg --help" for more information.`,
  )
}

function readShort(line: CommandLine, words: readonly string[], at: number): number {
  const cluster = words[at]!
  for (let index = 1; index < cluster.length; index++) {
    const letter = cluster[index]!
    if (TAKES_VALUE.has(letter)) {
      const rest = cluster.slice(index + 1)
      const value = rest === '' ? words[at + 1] : rest
      if (value === undefined) throw new ShellError(`option requires an argument -- '${letter}'`)
      apply(line, letter, value)
      return rest === '' ? at + 1 : at
    }
    if (!FLAGS.has(letter)) {
      throw new ShellError(`invalid option -- '${letter}'\nTry "syncpg --help" for more information.`)
    }
    apply(line, letter, '')
  }
  return at
}

/** The first plain word is the database or a connection string, the second is the user. */
function readPlain(line: CommandLine, [database, user, ...more]: readonly string[]): void {
  if (database !== undefined && line.dsn === undefined && line.options.database === undefined)
    setDatabase(line, database)
  else if (database !== undefined) more.unshift(database)
  if (user !== undefined && line.options.user === undefined) line.options.user = user
  else if (user !== undefined) more.unshift(user)
  if (more.length > 0) throw new ShellError(`extra command-line argument "${more[0]}"`)
}

function setDatabase(line: CommandLine, text: string): void {
  if (/^(?:postgres(?:ql)?:\/\/|pglite:)/.test(text) || text.includes('=')) line.dsn = text
  else line.options.database = text
}

function apply(line: CommandLine, letter: string, value: string): void {
  const { print } = line
  switch (letter) {
    case 'c':
      line.actions.push({ kind: 'command', text: value })
      break
    case 'f':
      line.actions.push({ kind: 'file', path: value })
      break
    case 'h':
      line.options.host = value
      break
    case 'p':
      line.options.port = value
      break
    case 'U':
      line.options.user = value
      break
    case 'd':
      setDatabase(line, value)
      break
    case 'v': {
      const at = value.indexOf('=')
      line.variables.push(at < 0 ? [value, undefined] : [value.slice(0, at), value.slice(at + 1)])
      break
    }
    case 'P': {
      const at = value.indexOf('=')
      line.settings.push(at < 0 ? [value, ''] : [value.slice(0, at), value.slice(at + 1)])
      break
    }
    case 'o':
      line.output = value
      break
    case 'L':
      line.log = value
      break
    case 'F':
      print.fieldSeparator = value
      break
    case 'R':
      print.recordSeparator = value
      break
    case 'T':
      print.tableAttributes = value
      break
    case 'z':
      print.fieldSeparator = '\0'
      break
    case '0':
      print.recordSeparator = '\0'
      break
    case 't':
      print.tuplesOnly = true
      break
    case 'A':
      print.format = 'unaligned'
      break
    case 'x':
      print.expanded = 'on'
      break
    default:
      applyFlag(line, letter)
  }
}

function applyFlag(line: CommandLine, letter: string): void {
  switch (letter) {
    case '1':
      line.isSingleTransaction = true
      break
    case 'q':
      line.isQuiet = true
      break
    case 'X':
      line.readsStartFile = false
      break
    case 'l':
      line.listsDatabases = true
      break
    case 'W':
      line.asksPassword = true
      break
    case 'w':
      line.neverAsksPassword = true
      break
    case 'a':
      line.variables.push(['ECHO', 'all'])
      break
    case 'e':
      line.variables.push(['ECHO', 'queries'])
      break
    case 'S':
      line.variables.push(['SINGLELINE', 'on'])
      break
    case 's':
      line.variables.push(['SINGLESTEP', 'on'])
      break
    case 'E':
      line.variables.push(['ECHO_HIDDEN', 'on'])
      break
    case 'H':
      line.print.format = 'html'
      break
    case 'b':
      line.variables.push(['ECHO', 'errors'])
      break
    case 'V':
      line.shows = 'version'
      break
    case '?':
      line.shows = 'help'
      break
    default:
  }
}

/** The options for `connect`, in addition to the connection string. */
export function connectOptions({ options }: CommandLine): ConnectOptions {
  return { ...options }
}
