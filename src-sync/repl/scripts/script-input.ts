/**
 * What a script says, in order: statements and commands that count, and the data of its COPYs. The one place that decides
 * whether a line is SQL, a command, data, or lies in a branch of `\if` that is not taken. Files, pipes and the prompt share it.
 */
import { Conditions } from './conditions.ts'
import type { CopySource } from '../statements/copy-source.ts'
import { ShellError } from '../print/complaint.ts'
import { DataBlock, type DataSource } from '../io/input.ts'
import { ScriptReader, type ScriptItem } from './script-reader.ts'
import type { Shell } from '../shell.ts'

/** An item of a script; `failed` for a condition that cannot be, which has been told. */
export type InputItem = ScriptItem | { readonly kind: 'failed'; readonly line: number }

export interface ScriptInputInit {
  readonly shell: Shell
  /** Where data and answers come from: the lines after those that have been fed. */
  readonly source: DataSource
  /** Where the data of a COPY comes from that was refused; left out, from there too. At the prompt nobody is asked for it. */
  readonly refusedSource?: DataSource
  /** Called with an item before it is obeyed: whoever tells errors says where it stands. */
  readonly onItem?: (item: ScriptItem) => void
}

export class ScriptInput {
  readonly reader: ScriptReader
  readonly #shell: Shell
  readonly #source: DataSource
  readonly #refusedSource: DataSource
  readonly #conditions: Conditions
  readonly #onItem: (item: ScriptItem) => void

  constructor({ shell, source, refusedSource = source, onItem = () => {} }: ScriptInputInit) {
    this.#shell = shell
    this.#source = source
    this.#refusedSource = refusedSource
    this.#onItem = onItem
    this.#conditions = new Conditions(shell)
    const { variable, standardConformingStrings } = shell
    this.reader = new ScriptReader({
      variable,
      standardConformingStrings,
      isActive: () => this.#conditions.isActive,
      isSingleLine: () => shell.variables.isOn('SINGLELINE'),
    })
  }

  /** The next thing to do, null when more text is needed or there is none. */
  next(): InputItem | null {
    for (let item = this.reader.next(); item !== null; item = this.reader.next()) {
      this.#onItem(item)
      // A restricted script may not even ask: an expression of `\if` can run a program.
      if (item.kind === 'statement' || (this.#shell.restrictKey !== null && this.isActive)) return item
      const outcome = this.#conditions.take(item, this.reader)
      if (outcome === 'failed') {
        this.reader.dropLine()
        return { kind: 'failed', line: item.line }
      }
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
    read: () => this.#data(this.#source),
    skip: () => this.#data(this.#refusedSource).skip(),
  }

  /** A line of the source that is an answer to a question; null at its end. */
  readonly readLine = (): string | null => {
    this.#source.unread(this.reader.takeFollowing())
    const line = this.#source.readLine()
    if (line !== null) this.reader.skipLines(1)
    return line
  }

  #data(source: DataSource): DataBlock {
    source.unread(this.reader.takeFollowing())
    return new DataBlock(source, (count) => this.reader.skipLines(count))
  }

  #ignore(what: string): void {
    if (!this.#shell.isInteractive || this.#shell.script !== null) return
    this.#shell.fail(new ShellError(`${what} ignored; use \\endif or Ctrl-C to exit current \\if block`))
  }
}
