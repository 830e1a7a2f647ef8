/**
 * `\if`, `\elif`, `\else` and `\endif`: decide which parts of a script are active. An inactive branch has no effect: no
 * statement, no command, and no text in a statement that began before it. Source: PostgreSQL, src/bin/psql/command.c.
 */
import { readArguments, warnOfWords } from '../commands/command-text.ts'
import { ShellError } from '../print/complaint.ts'
import type { ReaderMark, ScriptItem, ScriptReader } from './script-reader.ts'
import type { Shell } from '../shell.ts'
import { readSwitch } from '../variables.ts'

interface Level {
  isActive: boolean
  /** Whether one branch was already active; then no later branch is. */
  isTaken: boolean
  hasElse: boolean
  readonly isOuterActive: boolean
  /** The state of the statement at the start of the current branch. An inactive branch returns to it. */
  mark: ReaderMark
}

/** The result for a command: `other` when it is not a conditional, otherwise whether it was valid. */
export type ConditionOutcome = 'other' | 'done' | 'failed'

export class Conditions {
  readonly #shell: Shell
  readonly #levels: Level[] = []

  constructor(shell: Shell) {
    this.#shell = shell
  }

  get isActive(): boolean {
    return this.#levels.at(-1)?.isActive ?? true
  }

  get isOpen(): boolean {
    return this.#levels.length > 0
  }

  /** Handles a command if it is a conditional. */
  take({ name, rest }: ScriptItem & { readonly kind: 'command' }, reader: ScriptReader): ConditionOutcome {
    if (!/^(?:if|elif|else|endif)$/.test(name)) return 'other'
    if (name === 'if') {
      this.#open(rest, reader)
      return 'done'
    }
    const level = this.#levels.at(-1)
    if (level === undefined) return this.#fail(`\\${name}: no matching \\if`)
    if (name !== 'endif' && level.hasElse) return this.#fail(`\\${name}: cannot occur after \\else`)
    if (name !== 'elif') warnOfWords(this.#shell, name, readArguments(rest, { variable: this.#shell.variable }), 0)
    if (level.isActive) level.mark = reader.mark()
    else reader.rewind(level.mark)
    if (name === 'endif') this.#levels.pop()
    else this.#branch(level, name, rest)
    return 'done'
  }

  #open(rest: string, reader: ScriptReader): void {
    const isOuterActive = this.isActive
    const isActive = isOuterActive && this.#isTrue(rest, '\\if expression')
    this.#levels.push({ isActive, isTaken: isActive, hasElse: false, isOuterActive, mark: reader.mark() })
  }

  #branch(level: Level, name: string, rest: string): void {
    const mayCount = level.isOuterActive && !level.isTaken
    level.hasElse = name === 'else'
    level.isActive = mayCount && (level.hasElse || this.#isTrue(rest, '\\elif expression'))
    level.isTaken ||= level.isActive
  }

  #isTrue(rest: string, name: string): boolean {
    try {
      const value = readArguments(rest, { variable: this.#shell.variable }).join(' ')
      // An option may be empty, a condition may not.
      if (value === '') throw new ShellError(`unrecognized value "" for "${name}": Boolean expected`)
      return readSwitch(value, name)
    } catch (failure) {
      this.#shell.fail(failure)
      return false
    }
  }

  #fail(text: string): 'failed' {
    this.#shell.fail(new ShellError(text))
    return 'failed'
  }
}
