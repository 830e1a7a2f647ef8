/**
 * Programs whose globals are not those of Node: a prompt with a context of its own, tests in jest or in vitest's vm
 * pools.
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { runInNewContext } from 'node:vm'

import * as db from 'syncpg'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { sharedServer } from '../../support/shared-server.ts'

let con: db.Connection
beforeAll(() => {
  con = db.connect(sharedServer().dsn({ transport: 'unix' }), { autocommit: true })
})
afterAll(() => con.close())

test.each<[string, string, string, unknown]>([
  ['a Date', 'select %s::timestamptz', '[new Date(0)]', new Date(0)],
  ['a Date without a type', 'select %s', '[new Date(0)]', new Date(0)],
  ['Dates in an array', 'select %s::timestamptz[]', '[[new Date(0)]]', [new Date(0)]],
  ['a Map of names', 'select %(a)s::int', 'new Map([["a", 1]])', 1],
  ['bytes', 'select %s::bytea', '[new Uint8Array([1])]', Buffer.of(1)],
  ['a document', 'select %s::jsonb', '[{ a: [1] }]', { a: [1] }],
])('%s of another context is accepted like one of this context', (_what, sql, parameters, expected) => {
  expect(con.fetchval(sql, runInNewContext(parameters) as unknown[])).toEqual(expected)
})

test('chunks of a COPY may be bytes of another context', () => {
  con.execute('create temporary table chunk (a text)')
  const source = runInNewContext('[new Uint8Array([0x78, 10])]') as Uint8Array[]
  expect(con.copyToTable('chunk', { source })).toBe(1)
})

test('waits of any length end if the package is loaded in a context of its own, as jest loads it', async () => {
  const vitest = fileURLToPath(new URL('../../../node_modules/vitest/vitest.mjs', import.meta.url))
  const config = fileURLToPath(new URL('../../support/fixtures/other-realm/vitest.config.ts', import.meta.url))
  const env = { ...process.env, DSN: sharedServer().dsn({ transport: 'unix' }) }
  const run = promisify(execFile)(process.execPath, [vitest, 'run', '--config', config], { env, timeout: 30_000 })
  expect((await run).stdout).toContain('1 passed')
})
