/**
 * A Kerberos realm of its own: a key distribution centre on loopback, with principals for a PostgreSQL server on
 * localhost and for its users. Its programs must be installed on the machine, so tests call `missingKerberos()` first,
 * and a skipped test shows its answer. A shell holds the other end of a pipe and removes everything when the test
 * process has ended.
 */
import { execFile, spawn } from 'node:child_process'
import { accessSync, chmodSync, chownSync, constants, existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { locateSystemPostgres, serverAccount } from './postgres-binaries.ts'
import { findFreePort } from './free-port.ts'

export interface KerberosRealm {
  readonly name: string
  /** Keys of the principals postgres/localhost and other/localhost, for a server. */
  readonly serverKeytab: string
  /** Environment of a client that gets tickets for a user as it needs them; for null, of one that has none. */
  environmentOf(user: string | null): Record<string, string>
  dispose(): Promise<void>
}

const REALM = 'SYNCPG.TEST'
const HOST = '127.0.0.1'
const START_TIMEOUT_MS = 10_000
const PROGRAMS = { krb5kdc: 'krb5-kdc', kdb5_util: 'krb5-kdc', 'kadmin.local': 'krb5-admin-server' }

/** The built package `kerberos`; see `install-kerberos.mjs`. */
export const kerberosPackage = fileURLToPath(
  new URL('../../node_modules/.cache/syncpg-kerberos/node_modules/kerberos', import.meta.url),
)

/** What to install to test with Kerberos here; null when everything is installed. */
export function missingKerberos(): string | null {
  for (const [program, debianPackage] of Object.entries(PROGRAMS)) {
    if (findProgram(program) === null) return `there is no ${program} on this machine; apt-get install ${debianPackage}`
  }
  if (locateSystemPostgres() === null) {
    return 'the PostgreSQL of npm knows no Kerberos, and there is no other on this machine; apt-get install postgresql'
  }
  if (existsSync(join(kerberosPackage, 'build', 'Release', 'kerberos.node'))) return null
  return 'the package kerberos is not built; apt-get install libkrb5-dev and npm run kerberos'
}

function findProgram(name: string): string | null {
  for (const folder of [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/sbin']) {
    const file = join(folder, name)
    try {
      accessSync(file, constants.X_OK)
      return file
    } catch {}
  }
  return null
}

/**
 * Starts a realm.
 * @param users principals to make, each with a key of its own
 * @throws Error with the output of its programs when it does not start.
 */
export async function startRealm(users: readonly string[]): Promise<KerberosRealm> {
  const folder = mkdtempSync(join(tmpdir(), 'syncpg-kerberos-'))
  // The server runs under another account and reads its keys here.
  chmodSync(folder, 0o755)
  const port = await findFreePort()
  const file = (name: string): string => join(folder, name)
  writeFileSync(file('krb5.conf'), clientConfiguration(port))
  writeFileSync(file('kdc.conf'), centreConfiguration(folder, port))
  const environment = { KRB5_CONFIG: file('krb5.conf'), KRB5_KDC_PROFILE: file('kdc.conf') }
  await run('kdb5_util', ['create', '-r', REALM, '-s', '-P', 'master-secret'], environment)
  const services = ['postgres/localhost', 'other/localhost']
  const commands = [...services, ...users].map((principal) => `addprinc -randkey ${principal}`)
  commands.push(`ktadd -k ${file('server.keytab')} ${services.join(' ')}`)
  commands.push(...users.map((user) => `ktadd -k ${file(`${user}.keytab`)} ${user}`))
  await run('kadmin.local', ['-r', REALM], environment, commands.join('\n'))
  const account = serverAccount()
  if (account.uid !== undefined && account.gid !== undefined) {
    chownSync(file('server.keytab'), account.uid, account.gid)
  }

  const shell = spawn('/bin/sh', ['-c', KEEPER_SCRIPT, 'keeper', findProgram('krb5kdc')!, folder], {
    cwd: '/',
    env: { ...process.env, ...environment },
    stdio: ['pipe', 'ignore', 'ignore'],
    // It has a process group of its own, so that Ctrl-C in the terminal reaches only the tests, which then end it
    // properly.
    detached: true,
  })
  const dispose = async (): Promise<void> => {
    const ended = shell.exitCode === null ? new Promise((resolve) => shell.once('exit', resolve)) : null
    shell.stdin.end()
    await ended
  }
  if (!(await isUp(port))) {
    await dispose()
    throw new Error(`krb5kdc did not come up on port ${port}`)
  }
  return {
    name: REALM,
    serverKeytab: file('server.keytab'),
    environmentOf: (user) => ({
      KRB5_CONFIG: environment.KRB5_CONFIG,
      KRB5CCNAME: `FILE:${file(`${user ?? 'nobody'}.tickets`)}`,
      KRB5_CLIENT_KTNAME: `FILE:${file(`${user ?? 'nobody'}.keytab`)}`,
    }),
    dispose,
  }
}

function clientConfiguration(port: number): string {
  return `[libdefaults]
  default_realm = ${REALM}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  forwardable = true
  udp_preference_limit = 1
[realms]
  ${REALM} = {
    kdc = ${HOST}:${port}
  }
`
}

function centreConfiguration(folder: string, port: number): string {
  return `[kdcdefaults]
  kdc_listen = ""
  kdc_tcp_listen = ${HOST}:${port}
[realms]
  ${REALM} = {
    database_name = ${folder}/principals
    key_stash_file = ${folder}/stash
    supported_enctypes = aes256-cts-hmac-sha1-96:normal
  }
[logging]
  kdc = FILE:${folder}/kdc.log
`
}

// The shell waits for the end of its pipe, which the kernel closes however the test process ends.
const KEEPER_SCRIPT = `
"$1" -n </dev/null &
read -r line
kill -TERM $!
wait $!
rm -rf "$2"
`

/** Whether a server accepts connections there before the time is over. */
async function isUp(port: number): Promise<boolean> {
  for (const deadlineMs = Date.now() + START_TIMEOUT_MS; Date.now() < deadlineMs;) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: HOST, port })
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
    if (isOpen) return true
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return false
}

function run(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  input = '',
): Promise<void> {
  return new Promise((resolve, reject) => {
    const options = { env: { ...process.env, ...environment }, timeout: 30_000 }
    const child = execFile(findProgram(program)!, args, options, (error, stdout, stderr) => {
      if (error === null) resolve()
      else reject(new Error(`${program} failed: ${error.message}\n${stdout}${stderr}`))
    })
    child.stdin?.end(input)
  })
}
