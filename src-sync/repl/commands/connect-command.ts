/** `\c` and `\conninfo`. */
import { type Connection, type ConnectOptions, DbError } from '../../index.ts'
import { ShellError, connectFailureText } from '../print/complaint.ts'
import { isAboutPassword, targetOf, userOf } from '../connection-target.ts'
import { EXIT, type Shell } from '../shell.ts'
import { askPassword } from '../io/terminal.ts'

/** `\c [dbname [user [host [port]]]]` or a connection string; `-` keeps the current value. @returns false when it failed. */
export function connectAnew(shell: Shell, words: readonly string[]): boolean {
  try {
    reconnect(shell, words)
  } catch (failure) {
    if (!(failure instanceof DbError) && !(failure instanceof ShellError)) throw failure
    const text = connectFailureText(failure)
    if (shell.isInteractive) shell.fail(new ShellError(`\\connect: ${text}\nPrevious connection kept`))
    else {
      // The rest of the script was meant for another database.
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
  connectAsking(shell, dsn, options)
  // The new connection uses UTF-8 too, so the encoding that a script has set for its lines no longer applies.
  shell.variables.set('ENCODING', 'UTF8')
  shell.onEncoding?.('UTF8')
}

/** Connects, and asks for a password when the server needs one and a user is at the terminal. */
function connectAsking(shell: Shell, dsn: string | undefined, options: ConnectOptions): void {
  try {
    shell.reconnect(dsn, options)
  } catch (failure) {
    const canAsk = shell.isInteractive && shell.canAskPassword && options.password === undefined
    if (!(failure instanceof DbError) || !canAsk || !isAboutPassword(failure)) throw failure
    const password = askPassword(`Password for user ${userOf(dsn, options)}: `)
    if (password === null) throw failure
    shell.reconnect(dsn, { ...options, password })
  }
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
  return `You are connected to database "${database}" as user "${user}"${where}.\n${tlsText(connection)}PostgreSQL ${serverVersion}, backend ${backendPid}.\n`
}

/** A line about the encryption of the connection; empty when it is not encrypted. */
export function tlsText({ info }: Connection): string {
  const { tls } = info
  return tls === null ? '' : `SSL connection (protocol: ${tls.protocol}, cipher: ${tls.cipher}, compression: off)\n`
}
