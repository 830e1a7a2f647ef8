import { Client } from 'pg'
import { describe, expect, test } from 'vitest'

import { hasPostgres } from './postgres-binaries.ts'
import { askServer, databaseOfFile, freshDatabase, serverOfMajor, sharedServer } from './shared-server.ts'

test('the shared server is a PostgreSQL with TLS, of the major that was asked for', async () => {
  const server = sharedServer()
  const rows = await askServer(
    server,
    "select current_setting('server_version_num')::int / 10000 as major, current_setting('ssl') as tls",
  )
  expect(rows).toEqual([{ major: Number(process.env['SYNCPG_TEST_MAJOR'] ?? 18), tls: 'on' }])
})

test('a connection string has the given parts, encoded', () => {
  const { dsn, port, socketDirectory, tls } = sharedServer()
  expect(dsn({ user: 'u_trust', parameters: { application_name: 'a b&c' } })).toBe(
    `postgresql://u_trust@127.0.0.1:${port}/postgres?application_name=a%20b%26c`,
  )
  expect(dsn({ user: 'a@b', password: 'p:/?', database: 'd d', transport: 'unix' })).toBe(
    `postgresql://a%40b:p%3A%2F%3F@/d%20d?host=${encodeURIComponent(socketDirectory)}&port=${port}`,
  )
  expect(dsn({ transport: 'tls' })).toContain(
    `sslmode=verify-full&sslrootcert=${encodeURIComponent(tls!.rootCertificate)}`,
  )
})

test('a fresh database is empty, and is another one each time', async () => {
  const server = sharedServer()
  const name = await freshDatabase(server)
  await askServer(server, 'create table t (a int)', [], name)
  const other = await freshDatabase(server)
  const count = "select count(*)::int as tables from pg_class where relname = 't'"
  expect([await askServer(server, count, [], name), await askServer(server, count, [], other)]).toEqual([
    [{ tables: 1 }],
    [{ tables: 0 }],
  ])
})

test.skipIf(!hasPostgres(13))('a server of another major is started once in a test process', async () => {
  const [first, second] = await Promise.all([serverOfMajor(13), serverOfMajor(13)])
  const rows = await askServer(first, "select current_setting('server_version_num')::int / 10000 as major")
  expect([rows, second.port]).toEqual([[{ major: 13 }], first.port])
})

describe('the database of a file', () => {
  const database = databaseOfFile()
  const tables = (): Promise<object[]> =>
    askServer(sharedServer(), "select relname from pg_class where relname in ('t', 'u')", [], database)

  test.each(['once', 'and again'])(
    'is empty when a test begins, after any changes by the test before: %s',
    async () => {
      expect(await tables()).toEqual([])
      await askServer(sharedServer(), 'create table t (a int); create schema s; create table s.u ()', [], database)
      expect(await tables()).toHaveLength(2)
      const { host, port, user, password } = sharedServer()
      const left = new Client({ host, port, user, password, database })
      left.on('error', () => {})
      await left.connect()
      await left.query('begin; lock table t')
    },
  )
})
