/**
 * What a script says, in order: statements and commands that count, and the data of its COPYs. The one place that decides
 * whether a line is SQL, a command, data, or lies in a branch of `\if` that is not taken. Files, pipes and the prompt share it.
 */
import { Conditions } from './conditions.ts'
import type { CopySource } from './copy-source.ts'
import { ShellError } from './complaint.ts'
import { DataBlock, type LineSource } from './input.ts'
import { ScriptReader, type ScriptItem } from './script-reader.ts'
import type { Shell } from './shell.ts'

/** An item of a script; `failed` for a condition that cannot be, which has been told. */
export type InputItem = ScriptItem | { readonly kind: 'failed'; readonly line: number }

export interface ScriptInputInit {
  readonly shell: Shell
  /** Where the lines come from; null at the prompt, which gives them by `feed`. */
  readonly source: LineSource | null
  /** Called with an item before it is obeyed: whoever tells errors says where it stands. */
  readonly onItem?: (item: ScriptItem) => void
}

export class ScriptInput {
  readonly reader: ScriptReader
  readonly #shell: Shell
  readonly #source: LineSource | null
  readonly #conditions: Conditions
  readonly #onItem: (item: ScriptItem) => void

  constructor({ shell, source, onItem = () => {} }: ScriptInputInit) {
    this.#shell = shell
    this.#source = source
    this.#onItem = onItem
    this.#conditions = new Conditions(shell)
    const { variable, standardConformingStrings } = shell
    this.reader = new ScriptReader({
      variable,
      standardConformingStrings,
      isActive: () => this.#conditions.isActive,
    })
  }

  /** The next thing to do, null when more text is needed or there is none. */
  next(): InputItem | null {
    for (let item = this.reader.next(); item !== null; item = this.reader.next()) {
      this.#onItem(item)
      // A restricted script may not even ask: an expression of `\if` can run a program.
      if (item.kind === 'statement' || (this.#shell.restrictKey !== null && this.isActive)) return item
      const outcome = this.#conditions.take(item, this.reader)
      if (outcome === 'failed') return { kind: 'failed', line: item.line }
      if (outcome === 'other' && this.isActive) return item
      if (outcome === 'other') this.#ignore(`\\${item.name} command`)
    }
    return null
  }

  /** Whether what comes now counts. */
  get isActive(): boolean {
    return this.#conditions.isActive
  }

  /** Tells of a condition that is open where the script ends. @returns whether there is one. */
  failWhereOpen(): boolean {
    if (!this.#conditions.isOpen) return false
    this.#shell.fail(new ShellError('reached EOF without finding closing \\endif(s)'))
    return true
  }

  /** The data of COPYs, from the line after the current one. */
  readonly copySource: CopySource = {
    read: () => this.#data(),
    skip: () => this.#data().skip(),
  }

  /** A line of the source that is an answer to a question; null at its end. */
  readLine(): string | null {
    const source = this.#require()
    source.unread(this.reader.takeFollowing())
    const line = source.readLine()
    if (line !== null) this.reader.skipLines(1)
    return line
  }

  #data(): DataBlock {
    const source = this.#require()
    source.unread(this.reader.takeFollowing())
    return new DataBlock(source, (count) => this.reader.skipLines(count))
  }

  #require(): LineSource {
    if (this.#source === null) throw new Error('bug: the prompt reads data by itself')
    return this.#source
  }

  #ignore(what: string): void {
    if (!this.#shell.isInteractive || this.#shell.script !== null) return
    this.#shell.fail(new ShellError(`${what} ignored; use \\endif or Ctrl-C to exit current \\if block`))
  }
}
