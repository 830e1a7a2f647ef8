/**
 * psql's variables: those scripts set, and those that steer the program. A steering one keeps what was written (`\echo` shows
 * it), means the same in any case and in any spelling of on and off, and refuses what it cannot mean. Source of truth:
 * PostgreSQL, src/bin/psql/startup.c, the hooks.
 */
import { version } from '../index.ts'
import { ShellError } from './print/complaint.ts'

interface Steering {
  /** What it is when nothing was set, and after `\unset`; left out where it is nothing then. */
  readonly standard?: string
  /** The words it takes, each an answer of `choice`; left out where any text will do. */
  readonly words?: readonly string[]
  /** Whether it is on or off as well, and takes their spellings. */
  readonly isSwitch?: boolean
  readonly isCount?: boolean
}

const ON: Steering = { standard: 'on', words: [], isSwitch: true }
const OFF: Steering = { standard: 'off', words: [], isSwitch: true }

/** Variables that steer: `\gset` leaves them alone, because the server would say how the program goes on. */
const STEERING: ReadonlyMap<string, Steering> = new Map<string, Steering>([
  ['AUTOCOMMIT', ON],
  ['COMP_KEYWORD_CASE', { standard: 'preserve-upper', words: ['lower', 'upper', 'preserve-lower', 'preserve-upper'] }],
  ['ECHO', { standard: 'none', words: ['none', 'errors', 'queries', 'all'] }],
  ['ECHO_HIDDEN', { standard: 'off', words: ['noexec'], isSwitch: true }],
  ['FETCH_COUNT', { standard: '0', isCount: true }],
  ['HIDE_TABLEAM', OFF],
  ['HIDE_TOAST_COMPRESSION', OFF],
  ['HISTCONTROL', { standard: 'none', words: ['none', 'ignorespace', 'ignoredups', 'ignoreboth'] }],
  ['HISTFILE', {}],
  ['HISTSIZE', { standard: '500', isCount: true }],
  ['IGNOREEOF', { standard: '0', isCount: true }],
  ['ON_ERROR_ROLLBACK', { standard: 'off', words: ['interactive'], isSwitch: true }],
  ['ON_ERROR_STOP', OFF],
  ['PROMPT1', {}],
  ['PROMPT2', {}],
  ['PROMPT3', {}],
  ['QUIET', OFF],
  ['SHOW_ALL_RESULTS', ON],
  ['SHOW_CONTEXT', { standard: 'errors', words: ['never', 'errors', 'always'] }],
  ['SINGLELINE', OFF],
  ['SINGLESTEP', OFF],
  ['VERBOSITY', { standard: 'default', words: ['default', 'verbose', 'terse', 'sqlstate'] }],
  ['WATCH_INTERVAL', { standard: '2' }],
])
/** Scripts ask by `VERSION_NUM` whether psql knows a command, so it is that of the psql whose commands are here. */
const PSQL_VERSION_NUM = '150020'
const NAME = /^[\p{L}\p{N}_]+$/u
const COUNT = /^\s*[+-]?\d+\s*$/

export class Variables {
  readonly #values = new Map<string, string>([
    ['ENCODING', 'UTF8'],
    ['ERROR', 'false'],
    ['LAST_ERROR_MESSAGE', ''],
    ['LAST_ERROR_SQLSTATE', '00000'],
    ['PROMPT1', '%/%R%x%# '],
    ['PROMPT2', '%/%R%x%# '],
    ['PROMPT3', '>> '],
    ['ROW_COUNT', '0'],
    ['SQLSTATE', '00000'],
    ['VERSION', `syncpg ${version}`],
    ['VERSION_NAME', version],
    ['VERSION_NUM', PSQL_VERSION_NUM],
  ])

  constructor() {
    for (const [name, { standard }] of STEERING) if (standard !== undefined) this.#values.set(name, standard)
  }

  get(name: string): string | undefined {
    return this.#values.get(name)
  }

  /** Whether it steers the program. */
  isSteering(name: string): boolean {
    return STEERING.has(name)
  }

  /** @throws ShellError for a name or a value that cannot be. */
  set(name: string, value: string): void {
    if (!NAME.test(name)) throw new ShellError(`invalid variable name: "${name}"`)
    const steering = STEERING.get(name)
    // Without a value a switch is turned on.
    let given = steering?.isSwitch === true && value === '' ? 'on' : value
    if (name === 'IGNOREEOF' && !COUNT.test(value)) given = '10'
    if (steering !== undefined) requireMeaning(name, given, steering)
    this.#values.set(name, given)
  }

  unset(name: string): void {
    const steering = STEERING.get(name)
    const standard = steering?.isSwitch === true ? 'off' : steering?.standard
    if (standard === undefined) this.#values.delete(name)
    else this.#values.set(name, standard)
  }

  /** Whether a switch is on. One of three words is, unless it says off. */
  isOn(name: string): boolean {
    const choice = this.choice(name)
    return choice !== '' && choice !== 'off'
  }

  /** What a steering variable means: one of its words, on or off; empty where it is not set. */
  choice(name: string): string {
    const value = this.#values.get(name)
    if (value === undefined) return ''
    const lower = value.toLowerCase()
    const { words = [], isSwitch = false } = STEERING.get(name) ?? {}
    if (words.includes(lower) || !isSwitch) return lower
    return readSwitch(lower, name) ? 'on' : 'off'
  }

  *entries(): Generator<readonly [string, string]> {
    for (const name of [...this.#values.keys()].sort()) yield [name, this.#values.get(name)!]
  }
}

function requireMeaning(name: string, value: string, { words, isSwitch = false, isCount = false }: Steering): void {
  if (isCount && !COUNT.test(value)) throw new ShellError(`invalid value "${value}" for "${name}": integer expected`)
  if (words === undefined || words.includes(value.toLowerCase())) return
  if (isSwitch && words.length === 0) {
    readSwitch(value, name)
    return
  }
  if (isSwitch && isSpelledSwitch(value)) return
  const list = [...(isSwitch ? ['on', 'off'] : []), ...words].join(', ')
  throw new ShellError(`unrecognized value "${value}" for "${name}"\nAvailable values are: ${list}.`)
}

function isSpelledSwitch(value: string): boolean {
  try {
    readSwitch(value, '')
    return true
  } catch {
    return false
  }
}

/** @throws ShellError for what is neither on nor off. */
export function readSwitch(value: string, name: string): boolean {
  const lower = value.toLowerCase()
  if (lower === '' || /^(?:t|tr|tru|true|y|ye|yes|on|1)$/.test(lower)) return true
  if (/^(?:f|fa|fal|fals|false|n|no|of|off|0)$/.test(lower)) return false
  throw new ShellError(`unrecognized value "${value}" for "${name}": Boolean expected`)
}
