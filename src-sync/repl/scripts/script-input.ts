/**
 * The content of a script, in order: active statements and commands, and the data of its COPYs. Only this module decides
 * whether a line is SQL, a command, data, or part of an inactive branch of `\if`. Files, pipes and the prompt use it.
 */
import { Conditions } from './conditions.ts'
import type { CopySource } from '../statements/copy-source.ts'
import { ShellError } from '../print/complaint.ts'
import { DataBlock, type DataSource } from '../io/input.ts'
import { ScriptReader, type ScriptItem } from './script-reader.ts'
import type { Shell } from '../shell.ts'

/** An item of a script; `failed` is an invalid conditional, which was already reported. */
export type InputItem = ScriptItem | { readonly kind: 'failed'; readonly line: number }

export interface ScriptInputInit {
  readonly shell: Shell
  /** The source of data and answers: the lines after those that were fed to the reader. */
  readonly source: DataSource
  /** The source to skip the data of a refused COPY; default `source`. The prompt does not ask the user for such data. */
  readonly refusedSource?: DataSource
  /** Called with an item before it runs, so that errors can name its place. */
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

  /** The next item to run; null when more text is needed, or none is left. */
  next(): InputItem | null {
    for (let item = this.reader.next(); item !== null; item = this.reader.next()) {
      this.#onItem(item)
      // In restricted mode no condition is evaluated, because its expression can run a program.
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

  /** Whether the current branch is active. */
  get isActive(): boolean {
    return this.#conditions.isActive
  }

  /** Reports an open `\if` at the end of the script. @returns whether there is one. */
  failWhereOpen(): boolean {
    if (!this.#conditions.isOpen) return false
    this.#shell.fail(new ShellError('reached EOF without finding closing \\endif(s)'))
    return true
  }

  /** The data of COPYs, starting at the line after the current one. */
  readonly copySource: CopySource = {
    read: () => this.#data(this.#source),
    skip: () => this.#data(this.#refusedSource).skip(),
  }

  /** A line of the source that answers a question; null at its end. */
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
