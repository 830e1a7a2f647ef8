import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { hasPostgres } from './postgres-binaries.ts'
import { startServer } from './postgres-server.ts'
import type { DsnOptions, TestServer } from './postgres-server.ts'
import { TEST_ROLES } from './postgres-template.ts'

async function askVersion(dsn: string, extra: object = {}): Promise<string> {
  const client = new Client({ connectionString: dsn, ...extra })
  await client.connect()
  try {
    const { rows } = await client.query<{ version: string }>('select version()')
    return rows[0]?.version ?? ''
  } finally {
    await client.end()
  }
}

describe('a PostgreSQL 18 server with TLS', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await startServer({ major: 18, tls: true })
  })
  afterAll(async () => {
    await server.dispose()
  })

  test.each(['tcp', 'unix', 'tls'] as const)('answers over %s', async (transport) => {
    const dsn = transport === 'unix' ? undefined : server.dsn({ transport })
    const overSocket = { host: server.socketDirectory, port: server.port, user: 'postgres', database: 'postgres' }
    const version = dsn ? await askVersion(dsn) : await askVersion('', overSocket)
    expect(version).toContain('PostgreSQL 18.')
  })

  test.each(['trust', 'password', 'md5', 'scram', 'tlsOnly'] as const)('accepts the role %s', async (name) => {
    const options: DsnOptions = { ...TEST_ROLES[name], transport: name === 'tlsOnly' ? 'tls' : 'tcp' }
    expect(await askVersion(server.dsn(options))).toContain('PostgreSQL 18.')
  })

  test.each(['password', 'md5', 'scram'] as const)('refuses the role %s with a wrong password', async (name) => {
    const dsn = server.dsn({ user: TEST_ROLES[name].user, password: 'wrong' })
    await expect(askVersion(dsn)).rejects.toMatchObject({ code: '28P01' })
  })

  test.each([
    ['reject', 'tcp'],
    ['tlsOnly', 'tcp'],
    ['plainOnly', 'tls'],
  ] as const)('turns role %s away over %s', async (name, transport) => {
    await expect(askVersion(server.dsn({ ...TEST_ROLES[name], transport }))).rejects.toMatchObject({ code: '28000' })
  })

  test('accepts the client certificate in place of a password', async () => {
    const { clientCertificate, clientKey, rootCertificate } = server.tls!
    const ssl = {
      ca: readFileSync(rootCertificate, 'utf8'),
      cert: readFileSync(clientCertificate, 'utf8'),
      key: readFileSync(clientKey, 'utf8'),
    }
    expect(await askVersion(server.dsn({ user: 'u_cert' }), { ssl })).toContain('PostgreSQL 18.')
  })

  test('has a certificate that the foreign authority has not signed', async () => {
    const ssl = { ca: readFileSync(server.tls!.foreignRootCertificate, 'utf8') }
    await expect(askVersion(server.dsn(), { ssl })).rejects.toThrow(/verify|signed|issuer/i)
  })

  test('comes back on its port after a restart and after a crash', async () => {
    const before = server.processId
    await server.restart()
    expect(await askVersion(server.dsn())).toContain('PostgreSQL 18.')
    await server.restart('immediate')
    expect(await askVersion(server.dsn())).toContain('PostgreSQL 18.')
    expect(server.processId).not.toBe(before)
    expect(server.logTail()).toContain('ready to accept connections')
  })
})

test.each(['wrong-host', 'expired'] as const)('a server with a certificate that is %s is refused', async (fault) => {
  const server = await startServer({ tls: fault })
  try {
    await expect(askVersion(server.dsn({ transport: 'tls' }))).rejects.toThrow(/altnames|expired/)
  } finally {
    await server.dispose()
  }
})

test.each(['rsa-sha256', 'rsa-sha384', 'ed25519'] as const)(
  'certificates that are signed with %s work',
  async (tlsSignature) => {
    const server = await startServer({ tls: true, tlsSignature })
    try {
      expect(await askVersion(server.dsn({ transport: 'tls' }))).toContain('PostgreSQL 18.')
    } finally {
      await server.dispose()
    }
  },
)

test.skipIf(!hasPostgres(13))('a PostgreSQL 13 server gets the settings and hba lines of the test', async () => {
  const hba = 'host all u_trust all reject'
  const server = await startServer({ major: 13, hba, settings: { application_name: "it's" } })
  try {
    expect(await askVersion(server.dsn())).toContain('PostgreSQL 13.')
    await expect(askVersion(server.dsn({ user: 'u_trust' }))).rejects.toMatchObject({ code: '28000' })
  } finally {
    await server.dispose()
  }
})

test('a server whose settings are wrong is reported with its log, and leaves no folder', async () => {
  await expect(startServer({ settings: { no_such_setting: '1' } })).rejects.toThrow(
    'unrecognized configuration parameter "no_such_setting"',
  )
})

test('a disposed server leaves neither process nor folder', async () => {
  const server = await startServer()
  const { processId, socketDirectory } = server
  await server.dispose()
  expect([isAlive(processId!), existsSync(socketDirectory)]).toEqual([false, false])
})

// Node 20 does not run TypeScript, so the victim is bundled first; it must die without any chance to clean up.
test('a server ends when its test process is killed', async () => {
  const { build } = await import('esbuild')
  const source = fileURLToPath(new URL('postgres-server.ts', import.meta.url))
  const bundled = await build({
    stdin: {
      contents: `import { startServer } from ${JSON.stringify(source)}
        const server = await startServer()
        console.log(JSON.stringify([server.processId, server.socketDirectory]))
        setInterval(() => {}, 1000)`,
      resolveDir: fileURLToPath(new URL('.', import.meta.url)),
    },
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    define: { 'import.meta.url': JSON.stringify(import.meta.url) },
  })
  const victim = spawn(process.execPath, ['--input-type=module'], { stdio: ['pipe', 'pipe', 'inherit'] })
  victim.stdin.end(bundled.outputFiles[0]!.text)
  const [line] = (await once(victim.stdout, 'data')) as [Buffer]
  const [processId, socketDirectory] = JSON.parse(line.toString()) as [number, string]
  victim.kill('SIGKILL')
  await expect
    .poll(() => [isAlive(processId), existsSync(socketDirectory)], { timeout: 15_000 })
    .toEqual([false, false])
})

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0)
  } catch {
    return false
  }
  // A zombie answers signal 0 too, but is no server any more.
  const statPath = `/proc/${processId}/stat`
  return !existsSync(statPath) || !/\) Z /.test(readFileSync(statPath, 'utf8'))
}
