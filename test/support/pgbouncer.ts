/**
 * Starts PgBouncer in front of a test server. It comes from the machine (Debian: `apt-get install pgbouncer`), so tests
 * call `missingPgbouncer()` first, and a skipped test shows its answer. A shell holds the other end of a pipe and
 * removes everything when the test process has ended.
 */
import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { accessSync, chownSync, constants, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'

import { serverAccount } from './postgres-binaries.ts'
import { serverDsn } from './postgres-server.ts'
import type { DsnOptions, ServerCoordinates } from './postgres-server.ts'
import { findFreePort } from './free-port.ts'

/** When a client gives its server connection back. */
export type PoolMode = 'session' | 'transaction' | 'statement'

/** The options of a pooler. */
export interface PgbouncerOptions {
  readonly mode: PoolMode
  /** Server connections for each database and user; default 2. */
  readonly serverConnections?: number
}

/** A running PgBouncer. */
export interface Pgbouncer {
  readonly host: string
  readonly port: number
  /** Writes a DSN with the pooler's address; the options are those of a server's. */
  dsn(options?: DsnOptions): string
  /** Ends it with all its connections. */
  dispose(): Promise<void>
}

const HOST = '127.0.0.1'
const START_TIMEOUT_MS = 10_000

/** What to install to have PgBouncer here; null when it is installed. */
export function missingPgbouncer(): string | null {
  return findPgbouncer() === null ? 'there is no pgbouncer on this machine; apt-get install pgbouncer' : null
}

function findPgbouncer(): string | null {
  // Debian installs it in a folder that is not in an ordinary user's PATH.
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/sbin']
  for (const folder of folders) {
    const file = join(folder, 'pgbouncer')
    try {
      accessSync(file, constants.X_OK)
      return file
    } catch {}
  }
  return null
}

/**
 * Starts a PgBouncer with its defaults, except for the mode and the size of its pools. So it ignores no startup
 * parameter.
 * @throws Error with its log when it does not start.
 */
export async function startPgbouncer(server: ServerCoordinates, options: PgbouncerOptions): Promise<Pgbouncer> {
  const binary = findPgbouncer()
  if (binary === null) throw new Error(missingPgbouncer() ?? '')
  const folder = mkdtempSync(join(tmpdir(), 'syncpg-pgbouncer-'))
  const account = serverAccount()
  // The shell that removes the folder has no more rights than the pooler.
  if (account.uid !== undefined && account.gid !== undefined) chownSync(folder, account.uid, account.gid)
  const port = await findFreePort()
  const configuration = join(folder, 'pgbouncer.ini')
  writeFileSync(join(folder, 'users.txt'), `"${server.user}" "${server.password}"\n`)
  writeFileSync(configuration, configurationFor(server, options, folder, port))

  const shell = spawn('/bin/sh', ['-c', KEEPER_SCRIPT, 'keeper', binary, configuration, folder], {
    ...account,
    cwd: '/',
    stdio: ['pipe', 'ignore', 'pipe'],
    // It has a process group of its own, so that Ctrl-C in the terminal reaches only the tests, which then end the
    // pooler properly.
    detached: true,
  })
  const dispose = async (): Promise<void> => {
    const ended = shell.exitCode === null ? new Promise((resolve) => shell.once('exit', resolve)) : null
    shell.stdin.end()
    await ended
  }
  const complaint = await untilUp(shell)
  if (complaint !== null) {
    await dispose()
    throw new Error(`PgBouncer did not start; it said:\n${complaint}`)
  }
  const address: ServerCoordinates = { ...server, host: HOST, port }
  return { host: HOST, port, dsn: (dsnOptions) => serverDsn(address, dsnOptions), dispose }
}

/** Resolves to null when the pooler accepts connections, or to its output when it does not start. */
function untilUp(shell: ChildProcessByStdio<Writable, null, Readable>): Promise<string | null> {
  return new Promise((resolve) => {
    let log = ''
    const deadline = setTimeout(() => finish(log), START_TIMEOUT_MS)
    const finish = (complaint: string | null): void => {
      clearTimeout(deadline)
      resolve(complaint)
    }
    // The log is read all the time, because the pooler would stop when the pipe is full.
    shell.stderr.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-10_000)
      if (log.includes('process up')) finish(null)
      else if (log.includes('FATAL')) finish(log)
    })
    shell.once('exit', () => finish(log))
  })
}

function configurationFor(server: ServerCoordinates, options: PgbouncerOptions, folder: string, port: number): string {
  return `[databases]
* = host=${server.host} port=${server.port}

[pgbouncer]
listen_addr = ${HOST}
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${join(folder, 'users.txt')}
pool_mode = ${options.mode}
default_pool_size = ${options.serverConnections ?? 2}
max_client_conn = 200
`
}

// The shell waits for the end of its pipe, which the kernel closes however the test process ends. It tells the pooler
// to leave at once, and removes its folder.
const KEEPER_SCRIPT = `
"$1" "$2" </dev/null &
read -r line
kill -TERM $!
wait $!
rm -rf "$3"
`
