/** `\c` and `\conninfo`. */
import type { ConnectOptions } from '../index.ts'
import { ShellError } from './complaint.ts'
import type { Shell } from './shell.ts'

/** `\c [dbname [user [host [port]]]]`, or a connection string; `-` keeps what is. */
export function connectAnew(shell: Shell, words: readonly string[]): void {
  const [target, ...more] = words.map((word) => (word === '-' ? undefined : word))
  if (target !== undefined && /^(?:postgres(?:ql)?:\/\/|pglite:)|=/.test(target)) {
    if (more.length > 0) throw new ShellError('\\connect: a connection string says everything; give nothing else')
    shell.reconnect(target, {})
  } else {
    const [user, host, port] = more
    const options: ConnectOptions = {
      ...shell.options,
      ...(target === undefined ? {} : { database: target }),
      ...(user === undefined ? {} : { user }),
      ...(host === undefined ? {} : { host }),
      ...(port === undefined ? {} : { port }),
    }
    shell.reconnect(shell.dsn, options)
  }
  const { database, user } = shell.connection.info
  shell.say(`You are now connected to database "${database}" as user "${user}".`)
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
