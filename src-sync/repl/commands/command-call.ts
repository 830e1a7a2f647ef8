/** What a backslash command is given: itself, and what it may use. Types only. */
import type { CopySource } from '../statements/copy-source.ts'
import type { ScriptItem, ScriptReader } from '../scripts/script-reader.ts'
import type { Shell } from '../shell.ts'

export interface CommandContext {
  readonly shell: Shell
  readonly reader: ScriptReader
  /** What follows in the script, or at the prompt. */
  readonly copySource: CopySource
  /** A line of the standard input, which is the script itself where that came by it; null at the end. */
  readonly readLine: () => string | null
  /** Runs a script. @returns how it ended. */
  readonly include: (path: string, name: string) => number
  /** The path of the script that runs, for `\ir`; null where there is none. */
  readonly folder: string | null
}

export type Command = ScriptItem & { readonly kind: 'command' }

export interface Call extends CommandContext {
  readonly name: string
  /** What follows the name, as it was written. */
  readonly rest: string
  readonly words: readonly string[]
}
