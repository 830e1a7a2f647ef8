/** The arguments of a backslash command's function. Types only. */
import type { CopySource } from '../statements/copy-source.ts'
import type { ScriptItem, ScriptReader } from '../scripts/script-reader.ts'
import type { Shell } from '../shell.ts'

export interface CommandContext {
  readonly shell: Shell
  readonly reader: ScriptReader
  /** The data that follows in the script, or at the prompt. */
  readonly copySource: CopySource
  /** Reads a line of the standard input, which may be the script itself; null at the end. */
  readonly readLine: () => string | null
  /** Runs a script. @returns its exit status. */
  readonly include: (path: string, name: string) => number
  /** The path of the running script, for `\ir`; null when none runs. */
  readonly folder: string | null
}

export type Command = ScriptItem & { readonly kind: 'command' }

export interface Call extends CommandContext {
  readonly name: string
  /** The text after the name, as it was written. */
  readonly rest: string
  readonly words: readonly string[]
}
