/** psql's variables: those scripts set, and those that steer the program, which refuse what they cannot mean. */
import { version } from '../index.ts'
import { ShellError } from './complaint.ts'

const BOOLEANS = new Set(['AUTOCOMMIT', 'ON_ERROR_STOP', 'QUIET', 'SINGLELINE', 'HIDE_TABLEAM', 'SHOW_ALL_RESULTS'])
const CHOICES = new Map<string, readonly string[]>([
  ['VERBOSITY', ['default', 'verbose', 'terse', 'sqlstate']],
  ['SHOW_CONTEXT', ['never', 'errors', 'always']],
  ['ECHO_HIDDEN', ['off', 'on']],
  ['ECHO', ['none', 'errors', 'queries', 'all']],
  ['ON_ERROR_ROLLBACK', ['off', 'on', 'interactive']],
])
const NAME = /^[\p{L}\p{N}_]+$/u

export class Variables {
  readonly #values = new Map<string, string>([
    ['AUTOCOMMIT', 'on'],
    ['ON_ERROR_STOP', 'off'],
    ['ON_ERROR_ROLLBACK', 'off'],
    ['QUIET', 'off'],
    ['VERBOSITY', 'default'],
    ['SHOW_CONTEXT', 'errors'],
    ['ECHO', 'none'],
    ['ECHO_HIDDEN', 'off'],
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
  ])

  get(name: string): string | undefined {
    return this.#values.get(name)
  }

  /** @throws ShellError for a name or a value that cannot be. */
  set(name: string, value: string): void {
    if (!NAME.test(name)) throw new ShellError(`invalid variable name: "${name}"`)
    if (BOOLEANS.has(name)) {
      this.#values.set(name, readSwitch(value, name) ? 'on' : 'off')
      return
    }
    const choices = CHOICES.get(name)
    if (choices !== undefined && !choices.includes(value)) {
      const list = choices.join(', ')
      throw new ShellError(`unrecognized value "${value}" for "${name}"\nAvailable values are: ${list}.`)
    }
    this.#values.set(name, value)
  }

  unset(name: string): void {
    if (BOOLEANS.has(name)) this.#values.set(name, name === 'AUTOCOMMIT' ? 'on' : 'off')
    else this.#values.delete(name)
  }

  isOn(name: string): boolean {
    const value = this.#values.get(name)
    return value !== undefined && value !== 'off'
  }

  *entries(): Generator<readonly [string, string]> {
    for (const name of [...this.#values.keys()].sort()) yield [name, this.#values.get(name)!]
  }
}

/** @throws ShellError for what is neither on nor off. */
export function readSwitch(value: string, name: string): boolean {
  const lower = value.toLowerCase()
  if (lower === '' || /^(?:t|tr|tru|true|y|ye|yes|on|1)$/.test(lower)) return true
  if (/^(?:f|fa|fal|fals|false|n|no|of|off|0)$/.test(lower)) return false
  throw new ShellError(`unrecognized value "${value}" for "${name}": Boolean expected`)
}
