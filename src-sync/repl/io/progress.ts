/**
 * The progress of a long script or load: one line on the terminal's standard error, which disappears when anything else is
 * printed. Shows nothing when standard error is not a terminal, and nothing for quick work.
 */
import { isatty } from 'node:tty'
import { hasStatus, hideStatus, showStatus } from './output.ts'

/** Work that ends sooner than this shows no line. */
const FIRST_AFTER_MS = 300
/** Short enough that the line names the statement that the user is waiting for. */
const STATEMENT_EVERY_MS = 25
const CHUNK_EVERY_MS = 250

/** Whether a user can see the line. */
function isWatched(): boolean {
  return isatty(2) && process.env['TERM'] !== 'dumb'
}

class Progress {
  readonly #isShown = isWatched()
  readonly #everyMs: number
  readonly #startedMs = performance.now()
  #shownMs = this.#startedMs

  constructor(everyMs: number) {
    this.#everyMs = everyMs
  }

  protected show(text: (elapsedMs: number) => string): void {
    if (!this.#isShown) return
    const nowMs = performance.now()
    const sinceMs = nowMs - this.#startedMs
    // Other output in between has removed the line, so it is shown again.
    if (sinceMs < FIRST_AFTER_MS || (hasStatus() && nowMs - this.#shownMs < this.#everyMs)) return
    this.#shownMs = nowMs
    showStatus(text(sinceMs))
  }

  hide(): void {
    if (this.#isShown) hideStatus()
  }
}

/** The current place in a script, and the part of the script that has been read. */
export interface ScriptPlace {
  readonly name: string
  readonly line: number
  /** The line in the script of a line in the current statement. */
  readonly lineOf: (statementLine: number) => number
  /** From 0 to 1; null when the length of the script is unknown. */
  readonly share: number | null
}

/** Progress of a script; updated before each statement. */
export class ScriptProgress extends Progress {
  #statements = 0

  constructor() {
    super(STATEMENT_EVERY_MS)
  }

  next(place: ScriptPlace): void {
    this.show((elapsedMs) => {
      const done = `${this.#statements} ${this.#statements === 1 ? 'statement' : 'statements'} done`
      return `${placeText(place)}, ${done}, ${Math.round(elapsedMs / 1000)} s`
    })
    this.#statements += 1
  }
}

/** Progress of the data for a COPY; updated with each piece of data. */
export class LoadProgress extends Progress {
  readonly #place: ScriptPlace | null
  readonly #total: number | null
  #sent = 0

  /** @param place the place of the data in a script. @param total the number of bytes, if known. */
  constructor(place: ScriptPlace | null, total: number | null) {
    super(CHUNK_EVERY_MS)
    this.#place = place
    this.#total = total
  }

  add(size: number): void {
    this.#sent += size
    this.show((elapsedMs) => {
      const sent = `${megabytes(this.#sent)} sent`
      const share = this.#total === null ? '' : `${percent(this.#sent / this.#total)} of ${megabytes(this.#total)}, `
      const speed = `${megabytes((this.#sent / elapsedMs) * 1000)}/s`
      return `${this.#place === null ? '' : `${placeText(this.#place)}, `}${share}${sent}, ${speed}`
    })
  }
}

function placeText({ name, line, share }: ScriptPlace): string {
  return `${name}:${line}${share === null ? '' : `, ${percent(share)}`}`
}

function percent(share: number): string {
  return `${Math.floor(Math.min(1, Math.max(0, share)) * 100)} %`
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
