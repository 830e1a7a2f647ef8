/** The lines typed before, a file for each database, readable by nobody else. Lines with secrets are not kept. */
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Shell } from './shell.ts'

const MOST_LINES = 2000

const SECRETS = [
  /\bpassword\b\s*(?:=\s*)?(?:to\s+)?[eu]?&?'/i,
  /\bpassword\s*=/i,
  /\bpassword:\s*['"`]/i,
  /\b(?:secret|token|api_?key)\w*\s*(?:=>?|:)\s*['"]/i,
  /\b[a-z][a-z0-9+.-]*:\/\/[^\s/@:]*:[^\s/@]+@/i,
  /\b(?:pgp_sym_encrypt|pgp_sym_decrypt|crypt|set_config)\s*\(/i,
  /^\s*\\password\b/,
]

/** Whether a line says something that must not be written to a file. */
export function hasSecret(line: string): boolean {
  return SECRETS.some((pattern) => pattern.test(line))
}

export class History {
  readonly size = MOST_LINES
  readonly #shell: Shell
  #isBroken = false

  constructor(shell: Shell) {
    this.#shell = shell
  }

  /** The latest line first, as readline wants it. */
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
      return lines.slice(-MOST_LINES).reverse()
    } catch {
      return []
    }
  }

  append(line: string): void {
    const path = this.#path()
    if (path === null || this.#isBroken || line.trim() === '' || hasSecret(line)) return
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
      appendFileSync(path, `${line}\n`, { mode: 0o600 })
    } catch {
      // A home that cannot be written to is no reason to disturb anybody.
      this.#isBroken = true
    }
  }

  /** Takes lines with secrets out of readline's own memory. */
  redact(history: string[]): void {
    if (history[0] !== undefined && hasSecret(history[0])) history.shift()
  }

  /** null where none is wanted: `SYNCPG_HISTORY` set to nothing. */
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
