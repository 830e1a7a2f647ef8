/**
 * Runs the programs of docs/examples over query builders, job queues and their migrations, as users do, and compares
 * their output.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { transformSync } from 'esbuild'
import { expect, test } from 'vitest'

import { freshDatabase, sharedServer } from '../../support/shared-server.ts'
import { type ProgramRun, runProgram } from '../../support/run-program.ts'
import { QUICK_WASM } from '../../support/quick-wasm.ts'

const examples = fileURLToPath(new URL('../../../docs/examples/', import.meta.url))

const database = async (): Promise<string> => sharedServer().dsn({ database: await freshDatabase(), transport: 'unix' })

/** Node 20 runs no TypeScript, so the types are removed and the program is given on standard input. */
function run(name: string, ...args: string[]): Promise<ProgramRun> {
  const isTyped = name.endsWith('.ts')
  const program = isTyped ? ['--input-type=module', '-'] : [name]
  const input = isTyped ? transformSync(readFileSync(examples + name, 'utf8'), { loader: 'ts' }).code : ''
  return runProgram(process.execPath, [QUICK_WASM, ...program, ...args], {
    cwd: examples,
    env: { NO_COLOR: '1' },
    input,
  })
}

const PRINTED: readonly [string, string][] = [
  [
    'kysely-async.mjs',
    `Nina Simone: Pastel Blues, 1965-10-01
Nina Simone: Wild Is the Wind, 1966-09-01
23505: artist_name_key
{ albums: 2n }
5000050000
`,
  ],
  [
    'kysely-sync.ts',
    `700 300
new row for relation "account" violates check constraint "account_cents_check"
700 300
Ada  7.00
Eve  3.00
`,
  ],
  [
    'drizzle-async.mjs',
    `Rollback
[{"id":1,"name":"Tove Jansson","links":{"site":"moomin.com"},"books":[{"title":"The Summer Book"},{"title":"Fair Play"}]}]
[ { title: 'Fair Play', by: 'Tove Jansson' } ]
`,
  ],
  [
    'drizzle-sync.ts',
    `1 write 2026-01-02T03:04:05.000Z
2 read any time
1
write
[ { total: '2' } ]
`,
  ],
  [
    'knex.mjs',
    `[ { name: 'Lima', tags: [ 'south' ], people: '10000000' } ]
23505 city_name_unique
{ cities: '2' }
Lima
Oslo
`,
  ],
  [
    'pg-boss.mjs',
    `welcome, Ada
Ada: duplicate key value violates unique constraint "person_pkey"
{ jobs: 1 }
`,
  ],
]

test.each(PRINTED)('%s', async (name, stdout) => {
  expect(await run(name, await database())).toEqual({ stdout, stderr: '', status: 0 })
})

test('kysely-migrate.mjs migrates up and down, and two runs take turns', async () => {
  const dsn = await database()
  const up = await Promise.all([run('kysely-migrate.mjs', 'up', dsn), run('kysely-migrate.mjs', 'up', dsn)])
  // Kysely makes its two tables before it takes the lock, so each program may find those of the other.
  const met = /NOTICE: relation "kysely_migration\w*" already exists, skipping\n/g
  // The second program found nothing left to do.
  expect(up.map(({ stdout }) => stdout.replaceAll(met, '')).toSorted()).toEqual([
    '',
    'NOTICE: Ada is there\n1-person: Success\n2-first-person: Success\n',
  ])
  expect(up.map(({ stderr, status }) => [stderr, status])).toEqual([
    ['', 0],
    ['', 0],
  ])
  expect(await run('kysely-migrate.mjs', 'down', dsn)).toMatchObject({ stdout: '2-first-person: Success\n' })
  expect(await run('kysely-migrate.mjs', 'down', dsn)).toMatchObject({ stdout: '1-person: Success\n' })
})
