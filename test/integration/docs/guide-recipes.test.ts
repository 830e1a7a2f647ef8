/** The recipes of the guides run as they stand: each is a program (`mjs`) whose first line names it. */
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import * as db from 'syncpg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import { freshDatabase, sharedServer } from '../../support/shared-server.ts'
import { type ProgramRun, runProgram } from '../../support/run-program.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const RECIPES = new Map(
  ['tools', 'query-builders'].flatMap((page) => {
    const text = readFileSync(join(root, `docs/guides/${page}.md`), 'utf8')
    return [...text.matchAll(/^```mjs\n\/\/ ([\w-]+\.mjs)\n([^]*?)^```$/gm)].map(
      (found) => [found[1]!, found[2]!] as const,
    )
  }),
)

let folder: string
let dsn: string

beforeAll(() => {
  // The folder is like a project of a user: the packages are beside syncpg.
  folder = mkdtempSync(join(tmpdir(), 'syncpg-recipes-'))
  mkdirSync(join(folder, 'node_modules'))
  const packages = readdirSync(join(root, 'node_modules')).filter((name) => !name.startsWith('.'))
  for (const name of packages) symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name))
  symlinkSync(root, join(folder, 'node_modules/syncpg'))
  for (const [name, text] of RECIPES) writeFileSync(join(folder, name), text)
})
afterAll(() => rmSync(folder, { recursive: true }))
beforeEach(async () => {
  rmSync(join(folder, 'migrations'), { recursive: true, force: true })
  mkdirSync(join(folder, 'migrations'))
  dsn = sharedServer().dsn({ database: await freshDatabase(), transport: 'unix' })
})

const file = (name: string, text: string): void => writeFileSync(join(folder, 'migrations', name), text)

function run(name: string, ...args: string[]): Promise<ProgramRun> {
  return runProgram(process.execPath, [name, ...args], { cwd: folder, env: { NO_COLOR: '1', DATABASE_URL: dsn } })
}

const printed = (stdout: string): ProgramRun => ({ stdout, stderr: '', status: 0 })

test('the guides have recipes, and each is tested here', () => {
  expect([...RECIPES.keys()].toSorted()).toEqual(['node-pg-migrate.mjs', 'postgrator.mjs', 'ts-sql-query.mjs'])
})

test('ts-sql-query runs synchronously, with its types, transactions and errors', async () => {
  expect(await run('ts-sql-query.mjs')).toEqual(
    printed('1\n[ \'Ada, 1815\' ]\nduplicate key value violates unique constraint "person_name_key"\n1 idle\n'),
  )
})

describe('node-pg-migrate', () => {
  beforeEach(() => {
    file(
      '1_person.mjs',
      `export const up = (pgm) => pgm.createTable('person', { id: 'id', name: { type: 'text', notNull: true } })
      export const down = (pgm) => pgm.dropTable('person')`,
    )
    file(
      '2_ada.sql',
      "-- Up Migration\ninsert into person (name) values ('Ada');\n-- Down Migration\ndelete from person;\n",
    )
  })

  test('migrates up once, and down', async () => {
    expect(await run('node-pg-migrate.mjs', 'up')).toEqual(printed('up 1_person\nup 2_ada\n'))
    expect(await run('node-pg-migrate.mjs', 'up')).toEqual(printed(''))
    expect(await run('node-pg-migrate.mjs', 'down')).toEqual(printed('down 2_ada\n'))
    using con = db.connect(dsn)
    expect(con.fetchval('select count(*)::int from person')).toBe(0)
  })

  test('rolls back a migration that fails, and says what failed', async () => {
    file('3_wrong.sql', '-- Up Migration\ncreate table lost (id int); select nosuch;\n')
    const it = await run('node-pg-migrate.mjs', 'up')
    expect([it.status, it.stderr]).toEqual([1, expect.stringContaining('column "nosuch" does not exist')])
    using con = db.connect(dsn)
    expect(con.fetchval("select to_regclass('lost')::text")).toBeNull()
    expect(con.fetch('select name from pgmigrations order by id').map(([name]) => name)).toEqual(['1_person', '2_ada'])
  })
})

describe('postgrator', () => {
  beforeEach(() => {
    file('001.do.person.sql', "create table person (name text); insert into person values ('100 % Ada');")
    file('001.undo.person.sql', 'drop table person')
    file('002.do.twice.sql', 'create function twice(a int) returns int language sql as $$ select a * 2; $$;')
    file('002.undo.twice.sql', 'drop function twice(int)')
  })

  test('migrates up once, and down to a version', async () => {
    expect(await run('postgrator.mjs')).toEqual(printed('do 001.do.person.sql\ndo 002.do.twice.sql\n'))
    expect(await run('postgrator.mjs')).toEqual(printed(''))
    expect(await run('postgrator.mjs', '1')).toEqual(printed('undo 002.undo.twice.sql\n'))
    using con = db.connect(dsn)
    expect(con.fetchval('select name from person')).toBe('100 % Ada')
  })

  test('says what failed', async () => {
    file('003.do.wrong.sql', 'create table lost (id int); select nosuch;')
    expect(await run('postgrator.mjs')).toEqual({ stdout: '', stderr: 'column "nosuch" does not exist\n', status: 1 })
    using con = db.connect(dsn)
    expect(con.fetchval("select to_regclass('lost')::text")).toBeNull()
    expect(con.fetchval('select max(version)::int from schemaversion')).toBe(2)
  })
})
