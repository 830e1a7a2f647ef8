/**
 * GSSAPI with a real KDC, a real server and the real package `kerberos`, which stands beside the built package in
 * node_modules. Each program is a process of its own, because tickets belong to the environment of a process.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execFile } from 'node:child_process'

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'

import { kerberosPackage, missingKerberos, startRealm, type KerberosRealm } from '../../support/kerberos.ts'
import { locateSystemPostgres } from '../../support/postgres-binaries.ts'
import { startServer, type TestServer } from '../../support/postgres-server.ts'
import { askServer } from '../../support/shared-server.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const missing = missingKerberos()
const FACES = ['async', 'blocking'] as const
const HBA = 'host all u_gss all gss include_realm=0 krb_realm=SYNCPG.TEST\nhost all u_other all gss include_realm=0'
/**
 * The code with which a program prints facts about a session. `await` also takes plain values, so the code serves both
 * faces.
 */
const ASK = `const con = await connect(process.env.DSN, JSON.parse(process.env.OPTIONS))
const ask = (sql) => con.fetchval(sql)
console.log(await ask('select current_user::text'))
console.log(await ask("select concat_ws(' ', gss_authenticated, principal, encrypted) from pg_stat_gssapi where pid = pg_backend_pid()"))
await con.close()`

interface Program {
  readonly face: (typeof FACES)[number]
  readonly dsn: string
  readonly options?: object
  readonly env?: Readonly<Record<string, string>>
}

let folders: { readonly withPackage: string; readonly without: string }

/**
 * A project with the built package in it, and `kerberos` or not. The package is copied, because a link would find the
 * modules of this project.
 */
function project(hasKerberos: boolean): string {
  const folder = mkdtempSync(join(tmpdir(), 'syncpg-kerberos-project-'))
  const modules = join(folder, 'node_modules')
  mkdirSync(join(modules, 'syncpg'), { recursive: true })
  cpSync(join(root, 'package.json'), join(modules, 'syncpg', 'package.json'))
  const filter = (path: string): boolean => !/\.map$|[/\\]types$/.test(path)
  cpSync(join(root, 'dist'), join(modules, 'syncpg', 'dist'), { recursive: true, filter })
  symlinkSync(join(root, 'node_modules', 'synckit'), join(modules, 'synckit'))
  if (hasKerberos) symlinkSync(kerberosPackage, join(modules, 'kerberos'))
  return folder
}

function run(folder: string, { face, dsn, options = {}, env = {} }: Program): Promise<string> {
  const door = face === 'async' ? 'syncpg/async' : 'syncpg'
  const file = join(folder, `${face}.mjs`)
  writeFileSync(file, `import { connect } from '${door}'\n${ASK}`)
  const environment = { ...process.env, NODE_OPTIONS: '', DSN: dsn, OPTIONS: JSON.stringify(options), ...env }
  return new Promise((resolve) => {
    execFile(process.execPath, [file], { cwd: folder, env: environment, timeout: 30_000 }, (error, stdout, stderr) => {
      resolve(error === null ? stdout : stderr)
    })
  })
}

beforeAll(() => {
  folders = { withPackage: project(true), without: project(false) }
})
afterAll(() => {
  for (const folder of Object.values(folders)) rmSync(folder, { recursive: true })
})

test.each(FACES)('without the package, %s says which to install', async (face) => {
  const asking = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 7])))
  })
  await new Promise<void>((resolve) => asking.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void asking.close())
  const { port } = asking.address() as AddressInfo
  const dsn = `postgres://u_gss@localhost:${port}/d?sslmode=disable&hostaddr=127.0.0.1`
  const said = await run(folders.without, { face, dsn })
  expect(said).toContain('OperationalError')
  expect(said).toMatch(
    /GSSAPI authentication.*package kerberos, which it needs, is not installed\s+HINT: {2}npm install kerberos/,
  )
})

// A skipped test says by its name what is missing.
describe.skipIf(missing !== null)(`Kerberos${missing === null ? '' : ` (skipped: ${missing})`}`, () => {
  let realm: KerberosRealm
  let server: TestServer
  let dsn: string

  beforeAll(async () => {
    realm = await startRealm(['u_gss'])
    server = await startServer({
      binaries: locateSystemPostgres()!,
      hba: HBA,
      settings: { krb_server_keyfile: `FILE:${realm.serverKeytab}` },
    })
    await askServer(server, 'create role u_gss login; create role u_other login')
    dsn = `postgres://u_gss@localhost:${server.port}/postgres?sslmode=disable`
  })
  afterAll(async () => {
    await server?.dispose()
    await realm?.dispose()
  })

  const asUser = (): Record<string, string> => realm.environmentOf('u_gss')
  const LET_IN = 'u_gss\nt u_gss@SYNCPG.TEST f\n'

  test.each(FACES)('a ticket is accepted for the login, %s', async (face) => {
    expect(await run(folders.withPackage, { face, dsn, env: asUser() })).toBe(LET_IN)
  })

  test('require_auth=gss accepts it, and so does gssencmode=prefer', async () => {
    const strict = `${dsn}&require_auth=gss&gssencmode=prefer`
    expect(await run(folders.withPackage, { face: 'async', dsn: strict, env: asUser() })).toBe(LET_IN)
  })

  test('krbsrvname names another service, and credentials may be delegated', async () => {
    const program = { face: 'blocking', dsn, env: asUser() } as const
    const options = { krbsrvname: 'other', gssDelegation: true }
    expect(await run(folders.withPackage, { ...program, options })).toBe(LET_IN)
    const unknown = await run(folders.withPackage, { ...program, options: { krbsrvname: 'nonesuch' } })
    expect(unknown).toMatch(/service "nonesuch" on "localhost": Server .*not found in Kerberos database/)
    expect(unknown).toContain('krbsrvname')
  })

  test.each(FACES)('without a ticket, %s says how to get one', async (face) => {
    const said = await run(folders.withPackage, { face, dsn, env: realm.environmentOf(null) })
    expect(said).toContain('OperationalError')
    expect(said).toMatch(/service "postgres" on "localhost": .*(credentials|keytab)[^]*HINT: {2}klist .*kinit/i)
  })

  test("a ticket of another user gives the server's refusal", async () => {
    const said = await run(folders.withPackage, { face: 'async', dsn: dsn.replace('u_gss', 'u_other'), env: asUser() })
    expect(said).toMatch(/GSSAPI authentication failed for user "u_other"/)
  })
})
