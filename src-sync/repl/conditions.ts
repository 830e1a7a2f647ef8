/** `\if`, `\elif`, `\else` and `\endif` of a script: which of its lines are obeyed. */
import { readArguments } from './command-text.ts'
import { ShellError } from './complaint.ts'
import type { ScriptItem } from './script-reader.ts'
import type { Shell } from './shell.ts'
import { readSwitch } from './variables.ts'

interface Level {
  isActive: boolean
  /** Whether a branch has been taken, so that none may follow. */
  isTaken: boolean
  hasElse: boolean
  readonly isOuterActive: boolean
}

export class Conditions {
  readonly #levels: Level[] = []

  get isActive(): boolean {
    return this.#levels.at(-1)?.isActive ?? true
  }

  get isOpen(): boolean {
    return this.#levels.length > 0
  }

  /** @returns whether the command is done with: it was about conditions, or lies in a branch not taken. */
  take(item: ScriptItem & { readonly kind: 'command' }, shell: Shell): boolean {
    const level = this.#levels.at(-1)
    switch (item.name) {
      case 'if': {
        const isActive = this.isActive && isTrue(item.rest, shell)
        this.#levels.push({ isActive, isTaken: isActive, hasElse: false, isOuterActive: this.isActive })
        return true
      }
      case 'elif':
        if (level === undefined) return complain(shell, '\\elif: no matching \\if')
        if (level.hasElse) return complain(shell, '\\elif: cannot occur after \\else')
        level.isActive = level.isOuterActive && !level.isTaken && isTrue(item.rest, shell)
        level.isTaken ||= level.isActive
        return true
      case 'else':
        if (level === undefined) return complain(shell, '\\else: no matching \\if')
        if (level.hasElse) return complain(shell, '\\else: cannot occur after \\else')
        level.isActive = level.isOuterActive && !level.isTaken
        level.isTaken = true
        level.hasElse = true
        return true
      case 'endif':
        if (level === undefined) return complain(shell, '\\endif: no matching \\if')
        this.#levels.pop()
        return true
      default:
        return !this.isActive
    }
  }
}

function isTrue(rest: string, shell: Shell): boolean {
  const value = readArguments(rest, { variable: shell.variable }).join(' ')
  try {
    return readSwitch(value, '\\if expression')
  } catch (failure) {
    shell.fail(failure)
    return false
  }
}

function complain(shell: Shell, text: string): true {
  shell.fail(new ShellError(text))
  return true
}
