/**
 * Sends the resets of one connection that no caller waits for, and closes the session when one does not end in time. One
 * timer serves thousands of resets, because starting a timer for each costs as much as lending the connection.
 */
import { OperationalError } from '../errors/tree.ts'
import { PreparedCommands } from '../wire/protocol/prepared-commands.ts'
import type { Session } from '../wire/session.ts'
import { startTimer } from '../with-limit.ts'

const HINT = 'see the option resetTimeout; a statement that was sent behind the reset may have been executed'

export class ResetWatch {
  readonly #commands: PreparedCommands | string
  #losses = 0
  #isPending = false
  #dueAtMs = Infinity
  #ringsAtMs = Infinity
  #timer: NodeJS.Timeout | undefined
  #late: OperationalError | null = null

  /**
   * @param sql the reset query, which the server has run at least once
   * @param mayPrepare whether its commands may be prepared under names
   */
  constructor(sql: string, mayPrepare: boolean) {
    this.#commands = mayPrepare ? new PreparedCommands('syncpg_reset', sql.split('; ')) : sql
  }

  /**
   * Sends one reset. When it fails or is late, the session is closed.
   * @param losses counter of the statement cache: how often the session may have lost its prepared statements
   * @returns a promise that settles with the reset
   */
  send(session: Session, limitMs: number, losses: number): Promise<void> {
    if (this.#losses !== losses && typeof this.#commands !== 'string') this.#commands.isPrepared = false
    this.#losses = losses
    this.#isPending = true
    this.#dueAtMs = performance.now() + limitMs
    if (this.#dueAtMs < this.#ringsAtMs) this.#watch(session, limitMs)
    return new Promise((resolve, reject) => {
      session.sendAside(this.#commands, (error) => {
        this.#isPending = false
        if (error === null) resolve()
        else reject((this.#late ?? error) as Error)
      })
    })
  }

  /** The timer goes on after the reset has ended and serves the next one. It does not keep the process alive. */
  #watch(session: Session, limitMs: number): void {
    clearTimeout(this.#timer)
    this.#ringsAtMs = performance.now() + limitMs
    this.#timer = startTimer(limitMs, () => {
      this.#ringsAtMs = Infinity
      if (!this.#isPending || session.isClosed) return
      const leftMs = this.#dueAtMs - performance.now()
      if (leftMs > 1) return this.#watch(session, leftMs)
      this.#late = new OperationalError("a connection's reset did not end within its time limit", { hint: HINT })
      session.abandon(this.#late)
    })?.unref()
  }
}
