/** The entry of the commands of this room: each is loaded when it is asked for. */
import { constants } from 'node:os'
import { DbError } from '../index.ts'
import { MoveError } from './usage-error.ts'

/** The words that begin these commands. */
export type MoveCommand = 'sqlite-check' | 'sqlite-import'

/** What a shell reports of a program that SIGPIPE has ended. */
const BROKEN_PIPE_STATUS = 128 + constants.signals.SIGPIPE

/** Runs one. @returns the exit status of the program */
export async function runMoveCommand(command: MoveCommand, words: readonly string[]): Promise<number> {
  // A reader that has gone away (`| head`) ends the program without a word. An import has been committed before it reports.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(BROKEN_PIPE_STATUS)
    throw error
  })
  const output = { write: (text: string) => void process.stdout.write(text) }
  try {
    if (command === 'sqlite-import') {
      const { runImport } = await import('./import-command.ts')
      return await runImport(words, output)
    }
    const { runCheck } = await import('./check-command.ts')
    return runCheck(words, output)
  } catch (error) {
    if (!(error instanceof MoveError || error instanceof DbError || isOfSqlite(error))) throw error
    process.stderr.write(`syncpg ${command}: error: ${error.message}\n`)
    return 2
  }
}

/** A damaged file, a lock: node:sqlite's errors and better-sqlite3's. */
function isOfSqlite(error: unknown): error is Error {
  return error instanceof Error && /^(?:ERR_)?SQLITE_/.test((error as NodeJS.ErrnoException).code ?? '')
}
