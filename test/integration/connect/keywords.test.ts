/**
 * The effect of libpq's keywords and variables on a real connection, where the resolved options alone do not show it.
 */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import * as db from 'syncpg'
import { connect, createPool, type Connection } from 'syncpg/async'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { createAuthority, createLeaf } from '../../support/certificates.ts'
import { startServer } from '../../support/postgres-server.ts'
import { sharedServer } from '../../support/shared-server.ts'
import { failureOfAsync } from '../../support/failure-of.ts'

const server = sharedServer()
const { rootCertificate } = server.tls!

const SYSTEM_IDLE = '/proc/sys/net/ipv4/tcp_keepalive_time'

async function connected(parameters: Readonly<Record<string, string>>, transport: 'tcp' | 'tls'): Promise<Connection> {
  const con = await connect(server.dsn({ transport, parameters }))
  onTestFinished(() => con.close())
  return con
}

function setVariables(variables: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value)
  onTestFinished(() => void vi.unstubAllEnvs())
}

/** The kernel's timer of the connection with the client's port: its kind (`2` is keepalive) and when it is due. */
async function timerOf(con: Connection): Promise<{ readonly kind: string; readonly inSeconds: number }> {
  const port = (await con.fetchval('select inet_client_port()')) as number
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const remote = `:${server.port.toString(16).toUpperCase().padStart(4, '0')}`
  const lines = readFileSync('/proc/net/tcp', 'latin1').split('\n')
  const fields = lines.map((line) => line.trim().split(/\s+/))
  const [, , , , , timer = ''] = fields.find(([, from, to]) => from?.endsWith(local) && to?.endsWith(remote)) ?? []
  const [kind = '', due = '0'] = timer.split(':')
  return { kind: String(Number(kind)), inSeconds: Number.parseInt(due, 16) / 100 }
}

describe.skipIf(process.platform !== 'linux')('keepalives', () => {
  test.each([
    [{}, '2', 'system'],
    [{ keepalives_idle: '7' }, '2', 7],
    [{ keepalives: '1', keepalives_idle: '90' }, '2', 90],
    [{ keepalives: '0' }, '0', 0],
    [{ keepalives: '0', keepalives_idle: '7' }, '0', 0],
  ] as const)('%o: the kernel has a timer of kind %s for %s seconds', async (parameters, kind, expected) => {
    const seconds = expected === 'system' ? Number(readFileSync(SYSTEM_IDLE, 'latin1')) : expected
    const timer = await timerOf(await connected(parameters, 'tcp'))
    expect(timer.kind).toBe(kind)
    expect(timer.inSeconds).toBeLessThanOrEqual(seconds + 1)
    expect(timer.inSeconds).toBeGreaterThanOrEqual(seconds / 2)
  })
})

describe('sslsni', () => {
  /** The server name that a TLS server gets from a client. */
  async function heardName(query: string): Promise<string | false> {
    const { certificatePem, keyPem } = createLeaf(createAuthority('a'), { commonName: 'x', usage: 'server' })
    const heard = new Promise<string | false>((resolve) => {
      const fake = createTlsServer({ cert: certificatePem, key: keyPem, ALPNProtocols: ['postgresql'] }, (socket) => {
        socket.on('error', () => {})
        resolve((socket as { readonly servername?: string | false }).servername ?? false)
        socket.destroy()
      })
      onTestFinished(() => void fake.close())
      fake.listen(0, '127.0.0.1', () => {
        const { port } = fake.address() as AddressInfo
        const keywords = `sslmode=require&sslnegotiation=direct&hostaddr=127.0.0.1&${query}`
        connect(`postgres://u@db.example.org:${port}/d?${keywords}`).catch(() => {})
      })
    })
    return heard
  }

  test('sends the name of the host; with 0 it sends none', async () => {
    expect(await heardName('sslsni=1')).toBe('db.example.org')
    expect(await heardName('sslsni=0')).toBe(false)
  })
})

test('sslkeylogfile: the file has the keys of the connection, and only its owner can read it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'syncpg-keys-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const sslkeylogfile = join(folder, 'keys')
  await connected({ sslkeylogfile }, 'tls')
  expect(readFileSync(sslkeylogfile, 'latin1')).toMatch(/^CLIENT_TRAFFIC_SECRET_0 [0-9a-f]{64} [0-9a-f]+$/m)
  expect(statSync(sslkeylogfile).mode & 0o777).toBe(0o600)
})

test.each(['TLSv1.2', 'TLSv1.3'])('ssl_min and ssl_max_protocol_version: the connection uses %s', async (version) => {
  const con = await connected({ ssl_min_protocol_version: version, ssl_max_protocol_version: version }, 'tls')
  expect(await con.fetchval('select version from pg_stat_ssl where pid = pg_backend_pid()')).toBe(version)
})

describe('sslrootcert=system', () => {
  const parameters = { sslmode: 'verify-full', sslrootcert: 'system' }
  const dsn = server.dsn({ parameters })

  test('trusts the authorities in SSL_CERT_FILE, in both APIs', async () => {
    setVariables({ SSL_CERT_FILE: rootCertificate })
    const con = await connect(dsn)
    expect(await con.fetchval('select ssl from pg_stat_ssl where pid = pg_backend_pid()')).toBe(true)
    await con.close()
    db.connect(dsn).close()
  })

  test('does not trust an authority that only the test knows', async () => {
    setVariables({ SSL_CERT_FILE: '', SSL_CERT_DIR: '' })
    const error = await failureOfAsync(connect(dsn))
    expect(error).toBeInstanceOf(db.OperationalError)
    expect(error.message).toMatch(/TLS handshake failed: .*certificate[^]*the system does not know the authority/)
    expect(() => db.connect(dsn)).toThrow(/the system does not know the authority/)
  })
})

test('settings of the session reach the server: options, names, and variables that are settings', async () => {
  setVariables({ PGTZ: 'Asia/Tokyo', PGDATESTYLE: 'German', PGGEQO: 'off', PGOPTIONS: '' })
  const con = await connected(
    { options: '-c work_mem=3MB -c search_path=a,\\ b', fallback_application_name: 'x' },
    'tcp',
  )
  const ask = (name: string): Promise<unknown> => con.fetchval('select current_setting($1)', [name])
  const names = ['TimeZone', 'DateStyle', 'geqo', 'work_mem', 'search_path', 'application_name']
  const values = []
  for (const name of names) values.push(await ask(name))
  expect(values).toEqual(['Asia/Tokyo', 'German, DMY', 'off', '3MB', 'a, b', 'x'])
})

test('the client connects to hostaddr, and host is only the name in the certificate', async () => {
  const { user, password, database, port } = server
  const options = { host: 'localhost', hostaddr: '127.0.0.1', port, user, password, database }
  const con = await connect({ ...options, sslmode: 'verify-full', sslrootcert: rootCertificate })
  expect(await con.fetchval('select host(inet_server_addr())')).toBe('127.0.0.1')
  await con.close()
  const strange = { ...options, host: 'nonesuch.invalid' }
  const error = await failureOfAsync(connect({ ...strange, sslmode: 'verify-full', sslrootcert: rootCertificate }))
  expect(error.message).toMatch(/"nonesuch.invalid" \(127.0.0.1\)/)
})

const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'))

test.skipIf(!hasIpv6)('the client connects to an IPv6 address, in brackets or not, and verifies it', async () => {
  const other = await startServer({ tls: true, settings: { listen_addresses: '127.0.0.1,::1' } })
  onTestFinished(() => other.dispose())
  const { user, password, database, port } = other
  const verified = { sslmode: 'verify-full', sslrootcert: other.tls!.rootCertificate } as const
  for (const host of ['::1', '[::1]']) {
    const con = await connect({ host, port, user, password, database, ...verified })
    expect(await con.fetchval('select host(inet_server_addr())')).toBe('::1')
    await con.close()
  }
})

test("a password function is called for each connection, a pool's too, and its error is thrown unchanged", async () => {
  const { host, port, user, database } = server
  let asked = 0
  const password = (): Promise<string> => {
    asked += 1
    return Promise.resolve(asked === 1 ? 'expired' : server.password)
  }
  const error = await failureOfAsync(connect({ host, port, user, database, password }))
  expect(error).toBeInstanceOf(db.InvalidPasswordError)
  expect(error.message).not.toContain('expired')
  await (await connect({ host, port, user, database, password })).close()
  expect(asked).toBe(2)
  const pool = await createPool({ host, port, user, database, password, minSize: 2, maxSize: 2 })
  await pool.close()
  expect(asked).toBe(4)
  const failing = new RangeError('the vault is closed')
  expect(await failureOfAsync(connect({ host, port, user, database, password: () => Promise.reject(failing) }))).toBe(
    failing,
  )
  db.connect({ host, port, user, database, password: () => server.password }).close()
})
