/** Runs the actions of the command line or the standard input without a prompt. */
import { DbError } from '../index.ts'
import type { BatchAction, CommandLine } from './arguments.ts'
import type { CommandContext } from './commands/command-call.ts'
import { runCommand } from './commands/commands.ts'
import { commandName, endOfArguments } from './commands/command-text.ts'
import { ShellError, failureText } from './print/complaint.ts'
import { standardInputSource } from './statements/copy-source.ts'
import { executeSql } from './statements/execute-sql.ts'
import { runScript } from './scripts/run-script.ts'
import { ScriptReader } from './scripts/script-reader.ts'
import { EXIT, type Shell } from './shell.ts'

/** @returns the exit status, as psql's. */
export function runBatch(shell: Shell, line: CommandLine): number {
  const { actions } = line
  if (!line.isSingleTransaction) return runActions(shell, actions)
  // One failure must end the single transaction, so ON_ERROR_STOP is on unless the user sets it.
  if (!line.variables.some(([name]) => name === 'ON_ERROR_STOP')) shell.variables.set('ON_ERROR_STOP', 'on')
  shell.connection.execute('begin', null, { text: true })
  const status = runActions(shell, actions)
  if (shell.connection.closed) return status
  const { connection } = shell
  if (status !== EXIT.success) {
    if (connection.info.status !== 'idle') connection.execute('rollback', null, { text: true })
    return status
  }
  if (connection.info.status === 'idle') return status
  try {
    // A deferred constraint may refuse the commit; for a failed transaction the server answers ROLLBACK.
    const { statusmessage } = connection.execute('commit', null, { text: true })
    if (statusmessage !== 'ROLLBACK') return status
    throw new ShellError('the transaction had failed: everything has been rolled back')
  } catch (failure) {
    shell.fail(failure)
    return connection.closed ? EXIT.lost : EXIT.failure
  }
}

function runActions(shell: Shell, actions: readonly BatchAction[]): number {
  if (actions.length === 0) return runScript(shell, { path: '-', name: '<stdin>' })
  let status: number = EXIT.success
  for (const action of actions) {
    status = action.kind === 'command' ? runText(shell, action.text) : runFile(shell, action.path)
    if (shell.exitStatus !== null) return shell.exitStatus
    if (shell.connection.closed) return EXIT.lost
    // Ctrl-C ends all actions, not only the current one.
    const isInterrupted = shell.lastFailure?.interrupted === true
    if (status !== EXIT.success && (isInterrupted || shell.variables.isOn('ON_ERROR_STOP'))) return status
  }
  return status
}

function runFile(shell: Shell, path: string): number {
  try {
    return runScript(shell, { path, name: path === '-' ? '<stdin>' : path })
  } catch (failure) {
    if (failure instanceof DbError || !(failure instanceof Error)) throw failure
    if ('syscall' in failure) shell.fail(new ShellError(failureText(failure, path)))
    else if (failure instanceof ShellError) shell.fail(failure)
    else throw failure
    return EXIT.failure
  }
}

/** Runs one text of `-c`: SQL, which is sent as a whole, or one backslash command. As in psql, `\q` ends only this text. */
function runText(shell: Shell, text: string): number {
  shell.script = null
  const command = /^\s*\\([!?]|[^\s\\]+)([^]*)$/.exec(text)
  const copySource = standardInputSource()
  if (command === null) return executeSql(shell, { sql: text, copySource }) ? EXIT.success : EXIT.failure
  const [, typed = '', rest = ''] = command
  const name = commandName(typed)
  const { variable, standardConformingStrings } = shell
  const context: CommandContext = {
    shell,
    reader: new ScriptReader({ variable, standardConformingStrings }),
    copySource,
    readLine: () => shell.standardInput.readLine(),
    include: (path, called) => runScript(shell, { path, name: called }),
    folder: null,
  }
  const used = rest.slice(0, endOfArguments(name, rest))
  const outcome = runCommand({ kind: 'command', name, rest: used, line: 1 }, context)
  return outcome === 'failed' ? EXIT.failure : EXIT.success
}
