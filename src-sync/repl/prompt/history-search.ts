/** Ctrl-R: looks for what was typed before, while the text to look for is typed. */

export interface Found {
  readonly text: string
  readonly cursor: number
}

export class HistorySearch {
  /** What was being typed when the search began. */
  readonly before: Found
  readonly #history: readonly string[]
  #wanted = ''
  /** Which text of the history is shown; past the end while nothing has been found. */
  #at: number
  #hasFailed = false

  constructor(history: readonly string[], text: string, cursor: number) {
    this.#history = history
    this.before = { text, cursor }
    this.#at = history.length
  }

  get prompt(): string {
    return `(${this.#hasFailed ? 'failed ' : ''}reverse-i-search)\`${this.#wanted}': `
  }

  /** What is shown, with the cursor where it was found. */
  get found(): Found {
    const text = this.#history[this.#at]
    if (text === undefined) return this.before
    return { text, cursor: Math.max(0, text.toLowerCase().indexOf(this.#wanted.toLowerCase())) }
  }

  extend(text: string): void {
    this.#wanted += text
    this.#look(Math.min(this.#at, this.#history.length - 1), -1)
  }

  shorten(): void {
    this.#wanted = this.#wanted.slice(0, -1)
    this.#look(this.#history.length - 1, -1)
  }

  /** @param step -1 to an older text, 1 to a newer one */
  again(step: -1 | 1): void {
    if (this.#wanted !== '') this.#look(this.#at + step, step)
  }

  #look(from: number, step: -1 | 1): void {
    const wanted = this.#wanted.toLowerCase()
    for (let at = from; at >= 0 && at < this.#history.length; at += step) {
      if (!this.#history[at]!.toLowerCase().includes(wanted)) continue
      this.#at = at
      this.#hasFailed = false
      return
    }
    this.#hasFailed = true
  }
}
