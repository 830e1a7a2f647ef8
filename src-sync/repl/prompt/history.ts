/**
 * The history of statements, in one file for each database, readable only by its user. Statements with secrets are not stored.
 * Each statement is one line of the file; its line breaks are encoded as psql does.
 */
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Shell } from '../shell.ts'

const MOST_LINES = 2000
const LINE_END_IN_HISTORY = '\u0001'

const SECRETS = [
  /\bpassword\b\s*(?:=\s*)?(?:to\s+)?[eu]?&?'/i,
  /\bpassword\s*=/i,
  /\bpassword:\s*['"`]/i,
  /\b(?:secret|token|api_?key)\w*\s*(?:=>?|:)\s*['"]/i,
  /\b[a-z][a-z0-9+.-]*:\/\/[^\s/@:]*:[^\s/@]+@/i,
  /\b(?:pgp_sym_encrypt|pgp_sym_decrypt|crypt|set_config)\s*\(/i,
  /^\s*\\password\b/,
]

/** Whether a line contains something that must not be written to a file. */
export function hasSecret(line: string): boolean {
  return SECRETS.some((pattern) => pattern.test(line))
}

export class History {
  readonly #shell: Shell
  #isBroken = false

  constructor(shell: Shell) {
    this.#shell = shell
  }

  /** The statements, the oldest first. */
  load(): string[] {
    const path = this.#path()
    if (path === null) return []
    try {
      const lines = readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
      if (lines.length > 2 * MOST_LINES) {
        writeFileSync(path, `${lines.slice(-MOST_LINES).join('\n')}\n`, { mode: 0o600 })
      }
      return lines.slice(-MOST_LINES).map((line) => line.replaceAll(LINE_END_IN_HISTORY, '\n'))
    } catch {
      return []
    }
  }

  append(statement: string): void {
    const path = this.#path()
    if (path === null || this.#isBroken) return
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
      appendFileSync(path, `${statement.replaceAll('\n', LINE_END_IN_HISTORY)}\n`, { mode: 0o600 })
    } catch {
      // When the home directory is not writable, the program works without a history file.
      this.#isBroken = true
    }
  }

  /** The file's path; null when the user wants none (`SYNCPG_HISTORY` is set to an empty string). */
  #path(): string | null {
    const given = process.env['SYNCPG_HISTORY']
    if (given !== undefined) return given === '' ? null : given
    const { database, host, port } = this.#shell.connection.info
    const { dsn } = this.#shell
    const place = dsn?.startsWith('pglite:') === true ? dsn : `${host ?? 'local'}-${port ?? ''}-${database}`
    const state = process.env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state')
    return join(state, 'syncpg', `history-${place.replace(/[^\w.-]+/g, '_')}`)
  }
}
