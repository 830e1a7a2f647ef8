/**
 * How far a long script or load has come: one line on the terminal's standard error, which anything else that is printed
 * takes away first. Elsewhere, and for what is done at once, nothing is said.
 */
import { isatty } from 'node:tty'
import { hasStatus, hideStatus, showStatus } from './output.ts'

/** What has to do with a moment is not worth a line. */
const FIRST_AFTER_MS = 300
/** Often enough that the line tells of the statement that makes somebody wait. */
const STATEMENT_EVERY_MS = 25
const CHUNK_EVERY_MS = 250

/** Whether anybody would see it. */
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
    // What has been printed in between took the line away.
    if (sinceMs < FIRST_AFTER_MS || (hasStatus() && nowMs - this.#shownMs < this.#everyMs)) return
    this.#shownMs = nowMs
    showStatus(text(sinceMs))
  }

  hide(): void {
    if (this.#isShown) hideStatus()
  }
}

/** Where a script is, and how much of it has been read. */
export interface ScriptPlace {
  readonly name: string
  readonly line: number
  /** Where a line of the current statement stands. */
  readonly lineOf: (statementLine: number) => number
  /** From 0 to 1; null where nobody knows how long it is. */
  readonly share: number | null
}

/** Of a script: told before each statement. */
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

/** Of data that COPY sends: told with each piece of it. */
export class LoadProgress extends Progress {
  readonly #place: ScriptPlace | null
  readonly #total: number | null
  #sent = 0

  /** @param place where the data stands in a script; @param total bytes, where it is known */
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
