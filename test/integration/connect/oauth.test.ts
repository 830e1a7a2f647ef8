/**
 * OAuth tokens against a real PostgreSQL 18, whose validator is compiled here (`oauth-validator.c`); skipped where there is
 * no compiler.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import * as db from 'syncpg'
import { connect, createPool, type ConnectOptions } from 'syncpg/async'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasPostgres } from '../../support/postgres-binaries.ts'
import { startServer, type TestServer } from '../../support/postgres-server.ts'
import { askServer } from '../../support/shared-server.ts'
import { failureOfAsync } from '../../support/failure-of.ts'

const source = fileURLToPath(new URL('../../support/oauth-validator.c', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'syncpg-validator-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** The reason why there is no validator, or null. */
function compile(): string | null {
  if (!hasPostgres(18)) return 'there is no PostgreSQL 18 for this platform'
  try {
    execFileSync('cc', ['-shared', '-fPIC', '-o', join(folder, 'test_validator.so'), source], { stdio: 'pipe' })
  } catch (error) {
    return `the validator could not be compiled: ${(error as Error).message.split('\n')[0]}; apt-get install gcc`
  }
  // The server runs under another account and loads the file.
  chmodSync(folder, 0o755)
  return null
}

const missing = compile()
const ISSUER = 'https://issuer.invalid'
const HBA = `host all u_oauth all oauth issuer="${ISSUER}" scope="openid profile"
local all u_oauth oauth issuer="${ISSUER}" scope="openid profile"`
const GOOD = 'good-for-u_oauth'
const BAD = 's3cr3t-but-not-good'

describe.skipIf(missing !== null)(`OAuth${missing === null ? '' : ` (skipped: ${missing})`}`, () => {
  let server: TestServer
  let tls: string

  beforeAll(async () => {
    const settings = { oauth_validator_libraries: 'test_validator', dynamic_library_path: `${folder}:$libdir` }
    server = await startServer({ tls: true, hba: HBA, settings })
    await askServer(server, 'create role u_oauth login')
    tls = server.dsn({ transport: 'tls', user: 'u_oauth', password: '' })
  })
  afterAll(() => server?.dispose())

  const IDENTITY = 'select system_user'

  async function whoAmI(dsn: string, options: ConnectOptions): Promise<unknown> {
    const con = await connect(dsn, options)
    try {
      return await con.fetchval(IDENTITY)
    } finally {
      await con.close()
    }
  }

  test('a valid token is accepted for the login, in both APIs', async () => {
    expect(await whoAmI(tls, { oauthToken: GOOD })).toBe('oauth:u_oauth')
    expect(await whoAmI(tls, { oauthToken: GOOD, requireAuth: 'oauth' })).toBe('oauth:u_oauth')
    db.withConnection(tls, { oauthToken: GOOD }, (con) => expect(con.fetchval(IDENTITY)).toBe('oauth:u_oauth'))
    db.withConnection(tls, { oauthToken: () => GOOD }, (con) => expect(con.fetchval(IDENTITY)).toBe('oauth:u_oauth'))
  })

  test('a token may be sent over a Unix socket', async () => {
    const dsn = server.dsn({ transport: 'unix', user: 'u_oauth', password: '' })
    expect(await whoAmI(dsn, { oauthToken: GOOD })).toBe('oauth:u_oauth')
  })

  test('a function is called for each connection of a pool', async () => {
    let asked = 0
    const oauthToken = async (): Promise<string> => {
      asked += 1
      return GOOD
    }
    const pool = await createPool(tls, { oauthToken, minSize: 3, maxSize: 3 })
    await pool.close()
    expect(asked).toBe(3)
  })

  test.each([
    ['async', (options: ConnectOptions) => connect(tls, options)],
    ['blocking', async (options: ConnectOptions) => db.connect(tls, options)],
  ] as const)("an invalid token is refused with the server's requirements, and never shown: %s", async (_, open) => {
    const error = await failureOfAsync(open({ oauthToken: BAD }))
    expect(error).toBeInstanceOf(db.InvalidAuthorizationSpecificationError)
    expect(error.message).toMatch(/OAuth bearer authentication failed for user "u_oauth"/)
    expect(error.message).toContain(
      `the server says "invalid_token" of the token; it trusts the issuer of "${ISSUER}/.well-known/openid-configuration"; it wants the scope "openid profile"`,
    )
    expect(inspect(error, { depth: null, showHidden: true })).not.toContain(BAD)
    expect(server.log()).not.toContain(BAD)
  })

  test("a validator that fails is the server's error", async () => {
    const error = await failureOfAsync(connect(tls, { oauthToken: 'broken' }))
    expect(error).toBeInstanceOf(db.OperationalError)
    expect(error.message).toMatch(/OAuth/)
  })

  test('connect throws the error of the token function, and opens nothing', async () => {
    const failing = new RangeError('the vault is closed')
    expect(await failureOfAsync(connect(tls, { oauthToken: () => Promise.reject(failing) }))).toBe(failing)
    const throwing = (): string => {
      throw failing
    }
    expect(await failureOfAsync((async () => db.connect(tls, { oauthToken: throwing }))())).toBe(failing)
  })

  test('without a token, or over a connection that others could read, nothing is sent', async () => {
    expect((await failureOfAsync(connect(tls))).message).toMatch(/for an OAuth token, and none was given[^]*oauthToken/)
    const inTheClear = server.dsn({ user: 'u_oauth', password: '', parameters: { sslmode: 'disable' } })
    const error = await failureOfAsync(connect(inTheClear, { oauthToken: GOOD }))
    expect(error.message).toMatch(/must not be sent unencrypted/)
    expect(inspect(error, { depth: null })).not.toContain(GOOD)
  })
})
