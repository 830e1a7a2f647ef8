/**
 * The transaction that the server makes of several statements in one text: all of them take effect or none, except where the
 * statements begin and end transactions themselves.
 */
import { DbError } from '../../index.ts'
import type { Shell } from '../shell.ts'

const BEGINS = /^\s*(?:begin|start\s+transaction)\b/i
const ENDS = /^\s*(?:commit|end|rollback|abort|prepare\s+transaction)\b/i
const ROLLS_BACK_TO = /^\s*rollback\s+(?:work\s+|transaction\s+)?to\b/i

export class ImplicitBlock {
  readonly #shell: Shell
  /** Whether the open transaction was begun by this object. */
  #isOurs = false

  constructor(shell: Shell) {
    this.#shell = shell
  }

  /** Begins a transaction when none is open, before a statement that does not begin one itself. */
  before(sql: string): void {
    if (BEGINS.test(sql)) {
      // The server would make one transaction of both, so ours is committed first.
      if (this.#isOurs) this.end()
      return
    }
    if (ENDS.test(sql) && !ROLLS_BACK_TO.test(sql)) {
      this.#isOurs = false
      return
    }
    if (this.#shell.connection.info.status !== 'idle') return
    this.#send('begin')
    this.#isOurs = true
  }

  /** @throws the error of the commit. */
  end(): void {
    if (!this.#isOurs) return
    this.#isOurs = false
    if (this.#shell.connection.info.status !== 'idle') this.#send('commit')
  }

  undo(): void {
    const { connection } = this.#shell
    if (!this.#isOurs || connection.closed || connection.info.status === 'idle') return
    this.#isOurs = false
    try {
      this.#send('rollback')
    } catch (failure) {
      // Only the original failure is reported.
      if (!(failure instanceof DbError)) throw failure
    }
  }

  #send(sql: string): void {
    this.#shell.connection.execute(sql, null, { text: true })
  }
}
