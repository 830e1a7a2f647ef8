/** `\c` and `\conninfo`. */
import { DbError } from '../index.ts'
import { ShellError, connectFailureText } from './complaint.ts'
import { targetOf } from './connection-target.ts'
import { EXIT, type Shell } from './shell.ts'

/** `\c [dbname [user [host [port]]]]`, or a connection string; `-` keeps what is. @returns false when it failed. */
export function connectAnew(shell: Shell, words: readonly string[]): boolean {
  try {
    reconnect(shell, words)
  } catch (failure) {
    if (!(failure instanceof DbError) && !(failure instanceof ShellError)) throw failure
    const text = connectFailureText(failure)
    if (shell.isInteractive) shell.fail(new ShellError(`\\connect: ${text}\nPrevious connection kept`))
    else {
      // What follows was meant for another database.
      shell.fail(new ShellError(`\\connect: ${text}`))
      shell.exitStatus = EXIT.lost
    }
    return false
  }
  const { database, user } = shell.connection.info
  shell.say(`You are now connected to database "${database}" as user "${user}".`)
  return true
}

function reconnect(shell: Shell, words: readonly string[]): void {
  const { user, host, port } = shell.connection.info
  const { dsn, options } = targetOf(words, { dsn: shell.dsn, options: shell.options, user, host, port })
  shell.reconnect(dsn, options)
  // The new connection speaks UTF-8 as the one before did, whatever a script has said of its lines.
  shell.variables.set('ENCODING', 'UTF8')
  shell.onEncoding?.('UTF8')
}

export function describeConnection({ connection, dsn }: Shell): string {
  const { database, user, host, port, serverVersion, backendPid } = connection.info
  if (dsn?.startsWith('pglite:') === true) {
    const folder = dsn.slice('pglite:'.length)
    const where = folder === '' ? 'in memory' : `in ${folder}`
    return `You are connected to the embedded PostgreSQL ${serverVersion}, ${where}.\n`
  }
  const where =
    host === null
      ? ''
      : host.startsWith('/')
        ? ` via socket in "${host}" at port "${port}"`
        : ` on host "${host}" at port "${port}"`
  return `You are connected to database "${database}" as user "${user}"${where}.\nPostgreSQL ${serverVersion}, backend ${backendPid}.\n`
}
