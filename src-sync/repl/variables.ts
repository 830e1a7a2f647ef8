/**
 * psql's variables: those that scripts set, and the special ones that control the program. A special variable keeps its text
 * as written (`\echo` prints it). Its value may have any case and any spelling of on and off; invalid values are refused.
 * Source of truth: PostgreSQL, src/bin/psql/startup.c, the hooks.
 */
import { version } from '../index.ts'
import { ShellError } from './print/complaint.ts'

interface SpecialVariable {
  /** The value at the start and after `\unset`; absent when it is unset then. */
  readonly standard?: string
  /** The allowed words, which `choice` returns; absent when any text is allowed. */
  readonly words?: readonly string[]
  /** Whether on and off are allowed too, in all their spellings. */
  readonly isSwitch?: boolean
  readonly isCount?: boolean
}

const ON: SpecialVariable = { standard: 'on', words: [], isSwitch: true }
const OFF: SpecialVariable = { standard: 'off', words: [], isSwitch: true }

/** Special variables. `\gset` does not set them, because the server's values could then control the program. */
const SPECIAL: ReadonlyMap<string, SpecialVariable> = new Map<string, SpecialVariable>([
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
/** Scripts check `VERSION_NUM` to see which commands psql has. This is the psql version whose commands exist here. */
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
    for (const [name, { standard }] of SPECIAL) if (standard !== undefined) this.#values.set(name, standard)
  }

  get(name: string): string | undefined {
    return this.#values.get(name)
  }

  /** Whether the variable controls the program. */
  isSpecial(name: string): boolean {
    return SPECIAL.has(name)
  }

  /** @throws ShellError for an invalid name or value. */
  set(name: string, value: string): void {
    if (!NAME.test(name)) throw new ShellError(`invalid variable name: "${name}"`)
    const special = SPECIAL.get(name)
    // Setting a switch without a value turns it on.
    let given = special?.isSwitch === true && value === '' ? 'on' : value
    if (name === 'IGNOREEOF' && !COUNT.test(value)) given = '10'
    if (special !== undefined) requireMeaning(name, given, special)
    this.#values.set(name, given)
  }

  unset(name: string): void {
    const special = SPECIAL.get(name)
    const standard = special?.isSwitch === true ? 'off' : special?.standard
    if (standard === undefined) this.#values.delete(name)
    else this.#values.set(name, standard)
  }

  /** Whether a switch is on. A variable with more words than on and off counts as on unless it is off. */
  isOn(name: string): boolean {
    const choice = this.choice(name)
    return choice !== '' && choice !== 'off'
  }

  /** The value of a special variable: one of its words, on or off; empty when it is not set. */
  choice(name: string): string {
    const value = this.#values.get(name)
    if (value === undefined) return ''
    const lower = value.toLowerCase()
    const { words = [], isSwitch = false } = SPECIAL.get(name) ?? {}
    if (words.includes(lower) || !isSwitch) return lower
    return readSwitch(lower, name) ? 'on' : 'off'
  }

  *entries(): Generator<readonly [string, string]> {
    for (const name of [...this.#values.keys()].sort()) yield [name, this.#values.get(name)!]
  }
}

function requireMeaning(
  name: string,
  value: string,
  { words, isSwitch = false, isCount = false }: SpecialVariable,
): void {
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

/** @throws ShellError for a value that is neither on nor off. */
export function readSwitch(value: string, name: string): boolean {
  const lower = value.toLowerCase()
  if (lower === '' || /^(?:t|tr|tru|true|y|ye|yes|on|1)$/.test(lower)) return true
  if (/^(?:f|fa|fal|fals|false|n|no|of|off|0)$/.test(lower)) return false
  throw new ShellError(`unrecognized value "${value}" for "${name}": Boolean expected`)
}
