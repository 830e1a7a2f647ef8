/** Entry of `syncpg sqlite-check` and `syncpg sqlite-import`. Loads only the command that is called. */
import { constants } from 'node:os'
import { DbError } from '../index.ts'
import { MoveError } from './usage-error.ts'

/** The first word on the command line that calls one of these commands. */
export type MoveCommand = 'sqlite-check' | 'sqlite-import'

/** The exit status that a shell reports for a program ended by SIGPIPE. */
const BROKEN_PIPE_STATUS = 128 + constants.signals.SIGPIPE

/** Runs a command. @returns the exit status of the program. */
export async function runMoveCommand(command: MoveCommand, words: readonly string[]): Promise<number> {
  // When the reader of the output closes it (`| head`), the program ends silently. An import commits before it reports.
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

/** Whether SQLite itself reported the error (a damaged file, a lock), through node:sqlite or better-sqlite3. */
function isOfSqlite(error: unknown): error is Error {
  return error instanceof Error && /^(?:ERR_)?SQLITE_/.test((error as NodeJS.ErrnoException).code ?? '')
}
