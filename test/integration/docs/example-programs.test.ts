/**
 * Runs the programs of docs/examples as users do, each in a process of its own, and checks that they do what their
 * heads say.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import * as db from 'syncpg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { freshDatabase, sharedServer } from '../../support/shared-server.ts'
import { type ProgramRun, runProgram } from '../../support/run-program.ts'

const examples = fileURLToPath(new URL('../../../docs/examples/', import.meta.url))

let folder: string
let dsn: string

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'syncpg-examples-'))
  dsn = sharedServer().dsn({ database: await freshDatabase(), transport: 'unix' })
})
afterEach(() => rmSync(folder, { recursive: true }))

function run(args: readonly string[], input = ''): Promise<ProgramRun> {
  return runProgram(process.execPath, args, { cwd: examples, env: { NO_COLOR: '1', DATABASE_URL: dsn }, input })
}

const program = (name: string, ...args: string[]): Promise<ProgramRun> => run([join(examples, name), ...args])

test('the script counts and commits', async () => {
  const it = await program('script.mjs', dsn)
  expect(it).toEqual({ stdout: 'Oslo                 2n\nLima                 1n\n', stderr: '', status: 0 })
})

describe('the migration tool', () => {
  const file = (name: string, sql: string): void => writeFileSync(join(folder, name), sql)

  test('runs each file once, shows notices, and leaves a failing one undone with its file, line and column', async () => {
    file('1-person.sql', "create table person (id int);\ndo $$ begin raise notice 'hello'; end $$;\n")
    file(
      '2-index.sql',
      '-- no transaction\ncreate index concurrently one on person (id);\ncreate index concurrently two on person (id);',
    )
    const first = await program('migrate.mjs', folder, dsn)
    expect(first).toEqual({ stdout: 'NOTICE: hello\nran 1-person.sql\nran 2-index.sql\n', stderr: '', status: 0 })
    expect(await program('migrate.mjs', folder, dsn)).toEqual({ stdout: '', stderr: '', status: 0 })

    file('3-wrong.sql', 'create table pet (id int);\nalter table person\n  add column x nonsense;\n')
    const third = await program('migrate.mjs', folder, dsn)
    expect(third.status).toBe(1)
    expect(third.stderr).toContain(`${join(folder, '3-wrong.sql')}:3:16: type "nonsense" does not exist`)
    using con = db.connect(dsn)
    expect(con.fetchval("select to_regclass('pet')::text")).toBeNull()
    expect(con.fetch('select id from schema_migration order by id').map(([id]) => id)).toEqual([
      '1-person.sql',
      '2-index.sql',
    ])
  })

  test('names the place of a statement whose error has no position', async () => {
    file(
      '1-twice.sql',
      'create table pet (id int primary key);\n\n  insert into pet values (1);\n  insert into pet values (1);\n',
    )
    const it = await program('migrate.mjs', folder, dsn)
    expect(it.stderr).toContain(`${join(folder, '1-twice.sql')}:4:3: duplicate key value`)
  })

  test('exits if another one is running', async () => {
    using con = db.connect(dsn)
    con.execute('select pg_advisory_lock(7431)')
    expect(await program('migrate.mjs', folder, dsn)).toMatchObject({
      stderr: 'another migration is running\n',
      status: 3,
    })
  })
})

describe('umzug', () => {
  const file = (name: string, sql: string): void => writeFileSync(join(folder, name), sql)
  const umzug = (command: string): Promise<ProgramRun> => program('umzug.mjs', command, folder)

  test('runs files once, shows notices and takes them back', async () => {
    file('1-person.sql', "create table person (id int);\ndo $$ begin raise notice 'hello'; end $$;\n")
    file('1-person.down.sql', 'drop table person')
    expect(await umzug('up')).toEqual({ stdout: 'NOTICE: hello\nup 1-person.sql\n', stderr: '', status: 0 })
    expect(await umzug('up')).toEqual({ stdout: '', stderr: '', status: 0 })
    expect(await umzug('down')).toMatchObject({ stdout: 'down 1-person.sql\n' })
    using con = db.connect(dsn)
    expect(con.fetchrow("select to_regclass('person')::text, count(*)::int from umzug")!.toArray()).toEqual([null, 0])
  })

  test('waits while another one runs', async () => {
    file('1-person.sql', 'create table person (id int)')
    using con = db.connect(dsn, { autocommit: true })
    con.execute('select pg_advisory_lock(7431)')
    const child = spawn(process.execPath, [join(examples, 'umzug.mjs'), 'up', folder], {
      env: { ...process.env, NO_COLOR: '1', NODE_OPTIONS: '', DATABASE_URL: dsn },
    })
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    expect((await lines.next()).value).toBe('another migration is running: waiting')
    expect(con.fetchval("select to_regclass('person')::text")).toBeNull()
    con.execute('select pg_advisory_unlock(7431)')
    expect((await lines.next()).value).toBe('up 1-person.sql')
  })
})

test('the REPL shows rows as a table', async () => {
  const it = await run([join(examples, 'repl.mjs'), dsn], "show('select 1 as one, %s as two', ['x'])\n.exit\n")
  expect(it.stdout).toContain("│ 0       │ 1   │ 'x' │")
  expect([it.stderr, it.status]).toEqual(['', 0])
})

test('the bulk loader loads records and writes a CSV', async () => {
  mkdirSync(join(folder, 'x'))
  const lines = Array.from({ length: 50_000 }, (_, i) => `${i % 3},2024-01-01T00:00:00Z,${i}`)
  writeFileSync(join(folder, 'in.csv'), `sensor,at,v\n${lines.join('\n')}\n`)
  const it = await program('load.mjs', join(folder, 'in.csv'), join(folder, 'out.csv'), dsn)
  expect(it).toEqual({ stdout: '50000 records loaded\n3 rows written\n', stderr: '', status: 0 })
  expect(readFileSync(join(folder, 'out.csv'), 'utf8')).toBe(
    'sensor,count,avg\n0,16667,24999\n1,16667,25000\n2,16666,24999.5\n',
  )
})

test('the fixture’s tests pass under node:test, and leave nothing behind', async () => {
  const it = await run(['--test', join(examples, 'fixture.test.mjs')])
  expect(it.stdout + it.stderr).toMatch(/pass 2\n/)
  expect(it.status).toBe(0)
})
