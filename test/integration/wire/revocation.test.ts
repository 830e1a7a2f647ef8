/** Revocation lists: connecting to a server whose certificate is on a list fails, however the list is given. */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as db from 'syncpg'
import { connect } from 'syncpg/async'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAuthority, createRevocationList } from '../../support/certificates.ts'
import { sharedServer } from '../../support/shared-server.ts'
import { failureOfAsync } from '../../support/failure-of.ts'

const server = sharedServer()
const { revocationList, emptyRevocationList } = server.tls!
const foreignList = createRevocationList(createAuthority('another authority'), [])
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'syncpg-revocation-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, ...lists: readonly string[]): string {
  const path = join(folder, name)
  writeFileSync(path, lists.join('\n'))
  return path
}

/** The server's sum of 40 and 2, over a connection that verifies. */
async function ask(parameters: Readonly<Record<string, string>>): Promise<unknown> {
  const con = await connect(server.dsn({ transport: 'tls', parameters }))
  try {
    return await con.fetchval('select 40 + 2')
  } finally {
    await con.close()
  }
}

const pem = (path: string): string => readFileSync(path, 'utf8')

describe('a revoked certificate', () => {
  test.each([
    ['sslcrl', () => ({ sslcrl: revocationList })],
    ['the second list of the file sslcrl', () => ({ sslcrl: file('two.crl', foreignList, pem(revocationList)) })],
    ['a file in sslcrldir', () => ({ sslcrldir: directory('one', [revocationList]) })],
    [
      'a file in sslcrldir, together with sslcrl',
      () => ({ sslcrl: file('foreign.crl', foreignList), sslcrldir: directory('two', [revocationList]) }),
    ],
  ])('on %s is refused, and the option named', async (_, parameters) => {
    const error = await failureOfAsync(ask(parameters()))
    expect(error).toBeInstanceOf(db.OperationalError)
    expect(error.message).toMatch(/certificate revoked[^]*HINT: {2}sslcrl/)
  })

  test('is refused in the blocking API, with the list in the ssl option', () => {
    const { host, port, user, password, tls } = server
    const ssl = { ca: tls!.rootCertificate, crl: pem(revocationList) }
    expect(() => db.connect({ host, port, user, password, database: 'postgres', ssl })).toThrow(/certificate revoked/)
    db.connect({
      host,
      port,
      user,
      password,
      database: 'postgres',
      ssl: { ...ssl, crl: pem(emptyRevocationList) },
    }).close()
  })
})

test('a certificate that is on no list is accepted', async () => {
  const sslcrl = file('both.crl', foreignList, pem(emptyRevocationList))
  expect(await ask({ sslcrl })).toBe(42)
  expect(await ask({ sslcrldir: directory('empty', [emptyRevocationList]) })).toBe(42)
})

test('a certificate is refused if the lists have none of its own authority', async () => {
  const error = await failureOfAsync(ask({ sslcrl: file('foreign.crl', foreignList) }))
  expect(error.message).toMatch(/unable to get certificate CRL[^]*HINT: {2}sslcrl/)
})

test.each([
  ['sslcrl', () => file('text.crl', 'no list')],
  ['sslcrldir', () => directory('none', [])],
])('%s without any list in it is refused before anything is opened', async (keyword, path) => {
  const error = await failureOfAsync(ask({ [keyword]: path() }))
  expect(error).toBeInstanceOf(db.ProgrammingError)
  expect(error.message).toMatch(new RegExp(`${keyword}: .*holds no revocation list`))
})

function directory(name: string, files: readonly string[]): string {
  const path = mkdtempSync(join(folder, `${name}-`))
  // These files are no lists, and they are ignored.
  mkdirSync(join(path, '..data'))
  writeFileSync(join(path, 'README'), 'no list')
  for (const each of files) copyFileSync(each, join(path, 'abcdef01.r0'))
  return path
}
