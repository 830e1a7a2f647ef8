/** The entry of the commands of this room: each is loaded when it is asked for. */
import { DbError } from '../index.ts'
import { MoveError } from './usage-error.ts'

/** The words that begin these commands. */
export type MoveCommand = 'sqlite-check' | 'sqlite-import'

/** Runs one. @returns the exit status of the program */
export async function runMoveCommand(command: MoveCommand, words: readonly string[]): Promise<number> {
  const output = { write: (text: string) => void process.stdout.write(text) }
  try {
    if (command === 'sqlite-import') {
      const { runImport } = await import('./import-command.ts')
      return await runImport(words, output)
    }
    const { runCheck } = await import('./check-command.ts')
    return runCheck(words, output)
  } catch (error) {
    if (!(error instanceof MoveError) && !(error instanceof DbError)) throw error
    process.stderr.write(`syncpg ${command}: error: ${error.message}\n`)
    return 2
  }
}
