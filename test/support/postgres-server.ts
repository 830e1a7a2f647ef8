/**
 * Starts real PostgreSQL servers for the tests, each with a data directory, a port and a socket of its own. A watchdog
 * process holds the other end of a pipe. When the test process ends for any reason, it kills the server and removes its
 * folder. The databases are not kept, so fsync and similar settings are off.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { appendFileSync, chmodSync, chownSync, closeSync, existsSync, mkdirSync, mkdtempSync } from 'node:fs'
import { openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { createAuthority, createLeaf, createRevocationList } from './certificates.ts'
import type { SignatureAlgorithm } from './certificates.ts'
import { locatePostgres, serverAccount } from './postgres-binaries.ts'
import type { PostgresBinaries, PostgresMajor } from './postgres-binaries.ts'
import { copyForStandby, copyTemplate, TEST_ROLES } from './postgres-template.ts'
import { findFreePort } from './free-port.ts'

/** The options of a server; all have defaults. */
export interface ServerOptions {
  /** Default 18. */
  readonly major?: PostgresMajor
  /** Programs to use in place of those of npm for `major`. */
  readonly binaries?: PostgresBinaries
  /**
   * Serves TLS as well, with certificates for localhost, 127.0.0.1 and ::1, or with a faulty one that clients must
   * refuse.
   */
  readonly tls?: boolean | 'wrong-host' | 'expired'
  /** How the certificates are signed, which decides the hash of SCRAM channel binding. */
  readonly tlsSignature?: SignatureAlgorithm
  /** The kind of the server's own key, if it differs from the kind with which the certificates are signed. */
  readonly tlsKey?: SignatureAlgorithm
  /** Lines put before the default pg_hba.conf; the first line that matches a connection wins. */
  readonly hba?: string
  /** Settings for postgresql.conf, by name. */
  readonly settings?: Readonly<Record<string, string>>
  /** Begins as a hot standby with a copy of this data directory, whose server is stopped; `settings` name its primary. */
  readonly standbyFrom?: string
}

/** The PEM files for a TLS server and its clients. */
export interface TlsFiles {
  /** The authority that signed the server's certificate. */
  readonly rootCertificate: string
  /** An authority that did not sign it. */
  readonly foreignRootCertificate: string
  /** A client certificate for `u_cert`, and its key. */
  readonly clientCertificate: string
  readonly clientKey: string
  /** The server's own certificate. */
  readonly serverCertificate: string
  /** Certificates the authority has revoked: none, or the server's. */
  readonly emptyRevocationList: string
  readonly revocationList: string
}

/** How to reach a server, as plain data that can cross processes. */
export interface ServerCoordinates {
  readonly major: PostgresMajor
  readonly host: string
  readonly port: number
  readonly socketDirectory: string
  /** The superuser and its password. */
  readonly user: string
  readonly password: string
  readonly database: string
  readonly tls?: TlsFiles
}

/** The parts of a DSN. The default is the superuser over TCP without TLS. */
export interface DsnOptions {
  readonly transport?: 'tcp' | 'unix' | 'tls'
  readonly user?: string
  readonly password?: string
  readonly database?: string
  /** Further parameters, such as `application_name`. */
  readonly parameters?: Readonly<Record<string, string>>
}

/** `fast` cancels the statements and shuts down properly (SIGINT); `immediate` looks like a crash (SIGQUIT). */
export type StopMode = 'fast' | 'immediate'

/** A running server. */
export interface TestServer extends ServerCoordinates {
  /** The postmaster's process id; undefined while stopped. */
  readonly processId: number | undefined
  dsn(options?: DsnOptions): string
  /** Stops the server and keeps its data; `start` brings it back on the same port. */
  stop(mode?: StopMode): Promise<void>
  start(): Promise<void>
  restart(mode?: StopMode): Promise<void>
  /** Everything the server has logged so far. */
  log(): string
  /** The last lines of the log, for error messages. */
  logTail(lines?: number): string
  /** Stops the server and removes its folder. */
  dispose(): Promise<void>
}

const START_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 10_000

/**
 * Starts a server and resolves when it takes connections.
 * @throws Error with the tail of the server's log when it does not come up.
 */
export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const binaries = options.binaries ?? locatePostgres(options.major ?? 18)
  // Tests set the variable to a folder in memory; benchmarks use a disk, as users' servers do.
  const folder = mkdtempSync(join(process.env['SYNCPG_TEST_SERVERS'] ?? tmpdir(), 'syncpg-pg-'))
  const watchdog = startWatchdog(folder)
  try {
    chmodSync(folder, 0o755)
    const { standbyFrom } = options
    if (standbyFrom === undefined) await copyTemplate(binaries, join(folder, 'data'))
    else await copyForStandby(standbyFrom, join(folder, 'data'))
    const tls = options.tls ? writeCertificates(folder, options) : undefined
    writeSettings(folder, options)
    const server = new LocalServer(binaries, folder, watchdog, tls)
    await server.start()
    return server
  } catch (error) {
    watchdog.stdin?.end()
    throw error
  }
}

/** Writes the address of a server as a connection string. Transport `tls` asks for the full check of the certificate. */
export function serverDsn(server: ServerCoordinates, options: DsnOptions = {}): string {
  const { transport = 'tcp', user = server.user, database = server.database } = options
  const password = options.password ?? (user === server.user ? server.password : passwordOf(user))
  const parameters = new URLSearchParams(options.parameters)
  if (transport === 'unix') {
    parameters.set('host', server.socketDirectory)
    parameters.set('port', String(server.port))
  } else if (transport === 'tls') {
    if (!server.tls) throw new Error('this test server was started without TLS; ask startServer for { tls: true }')
    parameters.set('sslmode', 'verify-full')
    parameters.set('sslrootcert', server.tls.rootCertificate)
  }
  const secret = password === '' ? '' : `:${encodeURIComponent(password)}`
  const host = transport === 'unix' ? '' : `${server.host}:${server.port}`
  // URLSearchParams writes a space as "+", which libpq and its readers take for a plus sign.
  const query = parameters.size > 0 ? `?${parameters.toString().replaceAll('+', '%20')}` : ''
  return `postgresql://${encodeURIComponent(user)}${secret}@${host}/${encodeURIComponent(database)}${query}`
}

function passwordOf(user: string): string {
  return Object.values(TEST_ROLES).find((role) => role.user === user)?.password ?? ''
}

class LocalServer implements TestServer {
  readonly major: PostgresMajor
  readonly host = '127.0.0.1'
  readonly socketDirectory: string
  readonly user = TEST_ROLES.postgres.user
  readonly password = TEST_ROLES.postgres.password
  readonly database = 'postgres'
  readonly tls?: TlsFiles
  readonly #binaries: PostgresBinaries
  readonly #folder: string
  readonly #watchdog: ChildProcess
  #port = 0
  #postmaster: ChildProcess | undefined

  constructor(binaries: PostgresBinaries, folder: string, watchdog: ChildProcess, tls: TlsFiles | undefined) {
    this.#binaries = binaries
    this.#folder = folder
    this.#watchdog = watchdog
    this.major = binaries.major
    this.socketDirectory = join(folder, 'socket')
    if (tls) this.tls = tls
  }

  get port(): number {
    return this.#port
  }

  get processId(): number | undefined {
    return this.#postmaster?.pid
  }

  async start(): Promise<void> {
    if (this.#postmaster) throw new Error('the test server is running already')
    // Another process can take a free port before the server binds it, so several ports are tried. A second start
    // keeps its port.
    const attempts = this.#port === 0 ? 5 : 1
    for (let attempt = 1; ; attempt += 1) {
      if (this.#port === 0) this.#port = await findFreePort()
      const logLength = this.log().length
      const hasStarted = await this.#launch()
      if (hasStarted) return
      const saidSince = this.log().slice(logLength)
      if (attempt >= attempts || !saidSince.includes('Address already in use')) {
        throw new Error(`PostgreSQL ${this.major} did not start; its log ends:\n${this.logTail()}`)
      }
      this.#port = 0
    }
  }

  async #launch(): Promise<boolean> {
    const logFile = openSync(join(this.#folder, 'server.log'), 'a')
    const args = ['-D', join(this.#folder, 'data'), '-p', String(this.#port)]
    const postmaster = spawn(this.#binaries.postgres, args, {
      ...serverAccount(),
      cwd: this.#folder,
      stdio: ['ignore', logFile, logFile],
      // It has a process group of its own, so that Ctrl-C in the terminal reaches only the tests, which then end the
      // server properly.
      detached: true,
      env: { PATH: process.env['PATH'], TZ: 'UTC', LC_ALL: 'C' },
    })
    closeSync(logFile)
    const ended = new Promise<'ended'>((resolve) => {
      postmaster.once('exit', () => resolve('ended'))
      postmaster.once('error', () => resolve('ended'))
    })
    this.#postmaster = postmaster
    void ended.then(() => {
      if (this.#postmaster === postmaster) this.#postmaster = undefined
      this.#watchdog.stdin?.write('0\n')
    })
    this.#watchdog.stdin?.write(`${postmaster.pid ?? 0}\n`)
    const isReady = await waitUntil(() => this.#isReady(postmaster), ended, START_TIMEOUT_MS)
    if (!isReady && this.#postmaster === postmaster) await this.stop('immediate')
    postmaster.unref()
    return isReady
  }

  // Line 1 of postmaster.pid has the process id, line 8 the state. The id is compared, because the file may be from
  // an earlier start.
  #isReady(postmaster: ChildProcess): boolean {
    const path = join(this.#folder, 'data', 'postmaster.pid')
    if (!existsSync(path)) return false
    const lines = readFileSync(path, 'utf8').split('\n')
    return lines[0] === String(postmaster.pid) && /^(ready|standby) *$/.test(lines[7] ?? '')
  }

  dsn(options: DsnOptions = {}): string {
    return serverDsn(this, options)
  }

  async stop(mode: StopMode = 'fast'): Promise<void> {
    const postmaster = this.#postmaster
    if (!postmaster) return
    const ended = new Promise<void>((resolve) => postmaster.once('exit', () => resolve()))
    const deadline = setTimeout(() => postmaster.kill('SIGKILL'), STOP_TIMEOUT_MS)
    postmaster.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT')
    await ended
    clearTimeout(deadline)
    this.#postmaster = undefined
  }

  async restart(mode: StopMode = 'fast'): Promise<void> {
    await this.stop(mode)
    await this.start()
  }

  log(): string {
    const path = join(this.#folder, 'server.log')
    return existsSync(path) ? readFileSync(path, 'utf8') : ''
  }

  logTail(lines = 20): string {
    return this.log().trimEnd().split('\n').slice(-lines).join('\n')
  }

  async dispose(): Promise<void> {
    await this.stop('immediate')
    rmSync(this.#folder, { recursive: true, force: true })
    this.#watchdog.stdin?.end()
  }
}

function writeSettings(folder: string, options: ServerOptions): void {
  const data = join(folder, 'data')
  const socketDirectory = join(folder, 'socket')
  mkdirSync(socketDirectory)
  giveToServer(socketDirectory)
  const settings: Record<string, string> = {
    listen_addresses: 'localhost',
    unix_socket_directories: socketDirectory,
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    // Its workers would look at each of the tests' databases again and again.
    autovacuum: 'off',
    wal_level: 'minimal',
    max_wal_senders: '0',
    shared_buffers: '32MB',
    max_prepared_transactions: '20',
    log_line_prefix: '%m [%p] ',
    timezone: 'UTC',
    ...(options.tls ? { ssl: 'on', ssl_ca_file: 'root.crt' } : {}),
    ...options.settings,
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'`)
  appendFileSync(join(data, 'postgresql.conf'), `\n${lines.join('\n')}\n`)
  writeFileSync(join(data, 'pg_hba.conf'), `${options.hba ?? ''}\n${defaultHba(Boolean(options.tls))}`)
}

function defaultHba(hasTls: boolean): string {
  const tlsLines = ['hostssl all u_cert all cert', 'hostssl all u_sslonly all scram-sha-256']
  return `${[
    'local all all trust',
    'host all u_trust all trust',
    'host all u_password all password',
    'host all u_md5 all md5',
    'host all u_reject all reject',
    ...(hasTls ? tlsLines : []),
    'host all u_cert all reject',
    'host all u_sslonly all reject',
    'hostnossl all u_nossl all scram-sha-256',
    'host all u_nossl all reject',
    'host all all all scram-sha-256',
  ].join('\n')}\n`
}

function writeCertificates(folder: string, options: ServerOptions): TlsFiles {
  const algorithm = options.tlsSignature ?? 'ecdsa-sha256'
  const authority = createAuthority('syncpg test authority', algorithm)
  const foreign = createAuthority('another authority')
  const server = createLeaf(
    authority,
    {
      commonName: options.tls === 'wrong-host' ? 'elsewhere.invalid' : 'localhost',
      hosts: options.tls === 'wrong-host' ? ['elsewhere.invalid'] : ['localhost', '127.0.0.1', '::1'],
      usage: 'server',
      ...(options.tls === 'expired' ? { validUntilMs: Date.now() - 86_400_000 } : {}),
    },
    options.tlsKey,
  )
  // RSA keys take tenths of a second each.
  const client = createLeaf(authority, { commonName: 'u_cert', usage: 'client' }, 'ecdsa-sha256')
  const data = join(folder, 'data')
  for (const [name, content] of [
    ['root.crt', authority.certificatePem],
    ['server.crt', server.certificatePem],
    ['server.key', server.keyPem],
  ] as const) {
    writeFileSync(join(data, name), content, { mode: 0o600 })
    giveToServer(join(data, name))
  }
  const publicFolder = join(folder, 'tls')
  mkdirSync(publicFolder)
  const files: TlsFiles = {
    rootCertificate: join(publicFolder, 'root.crt'),
    foreignRootCertificate: join(publicFolder, 'foreign-root.crt'),
    clientCertificate: join(publicFolder, 'client.crt'),
    clientKey: join(publicFolder, 'client.key'),
    serverCertificate: join(publicFolder, 'server.crt'),
    emptyRevocationList: join(publicFolder, 'empty.crl'),
    revocationList: join(publicFolder, 'server.crl'),
  }
  writeFileSync(files.rootCertificate, authority.certificatePem)
  writeFileSync(files.foreignRootCertificate, foreign.certificatePem)
  writeFileSync(files.clientCertificate, client.certificatePem)
  writeFileSync(files.clientKey, client.keyPem, { mode: 0o600 })
  writeFileSync(files.serverCertificate, server.certificatePem)
  writeFileSync(files.emptyRevocationList, createRevocationList(authority, []))
  writeFileSync(files.revocationList, createRevocationList(authority, [server]))
  return files
}

function giveToServer(path: string): void {
  const { uid, gid } = serverAccount()
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid)
}

// The shell reads process ids until the pipe closes, which the kernel does however the test process ends. It then kills
// the last one named and removes the folder.
const WATCHDOG_SCRIPT = `
pid=0
while read -r line; do pid=$line; done
if [ "$pid" -gt 0 ]; then
  kill -QUIT "$pid" 2>/dev/null
  tries=0
  while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
  kill -KILL "$pid" 2>/dev/null
fi
rm -rf "$1"
`

function startWatchdog(folder: string): ChildProcess {
  const watchdog = spawn('/bin/sh', ['-c', WATCHDOG_SCRIPT, 'watchdog', folder], {
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  // Neither the process nor the pipe may keep a finished test process alive.
  watchdog.unref()
  const pipe = watchdog.stdin
  pipe?.on('error', () => {})
  ;(pipe as unknown as { unref?: () => void } | null)?.unref?.()
  return watchdog
}

async function waitUntil(isDone: () => boolean, ended: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  let hasEnded = false
  void ended.then(() => {
    hasEnded = true
  })
  for (const deadlineMs = Date.now() + timeoutMs; Date.now() < deadlineMs && !hasEnded;) {
    if (isDone()) return true
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return false
}
