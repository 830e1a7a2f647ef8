/** Ctrl-R: searches the history while the user types the text to look for. */

export interface Found {
  readonly text: string
  readonly cursor: number
}

export class HistorySearch {
  /** The text and cursor when the search began. */
  readonly before: Found
  readonly #history: readonly string[]
  #wanted = ''
  /** The index of the entry that is shown; the length of the history while nothing is found. */
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

  /** The text to show, with the cursor at the match. */
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

  /** @param step -1 for an older entry, 1 for a newer one */
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
