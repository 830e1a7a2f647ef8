/**
 * `\if`, `\elif`, `\else` and `\endif`: which parts of a script count. A branch that is not taken leaves nothing behind, no
 * statement, no command, and no text in a statement that began before it. Source of truth: PostgreSQL, src/bin/psql/command.c.
 */
import { readArguments, warnOfWords } from '../commands/command-text.ts'
import { ShellError } from '../print/complaint.ts'
import type { ReaderMark, ScriptItem, ScriptReader } from './script-reader.ts'
import type { Shell } from '../shell.ts'
import { readSwitch } from '../variables.ts'

interface Level {
  isActive: boolean
  /** Whether a branch has been taken, so that none may follow. */
  isTaken: boolean
  hasElse: boolean
  readonly isOuterActive: boolean
  /** The statement where the current branch began, which a branch that is not taken leaves as it was. */
  mark: ReaderMark
}

/** What became of a command: it was no condition, or it was one, well-formed or not. */
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

  /** Obeys a command that is about conditions. */
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
      // An option may be set to nothing, a condition may not be nothing.
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
