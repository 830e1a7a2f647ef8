/**
 * Directories that the embedded server cannot use. For each, both faces throw an error that says why, and the directory
 * stays unchanged.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { beforeAll, describe, expect, test } from 'vitest'

import { connect } from 'syncpg/async'

import { serverMajor } from '../../../src-async/wire/embedded/cache.ts'
import { isLockFile } from '../../../src-async/wire/embedded/lock.ts'
import { canMount } from '../../support/namespaces.ts'
import { runInContainer, runScript } from '../../support/run-script.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const folder = (): string => temporaryFolder('directory')

/** A database with a table `kept` of one row, 5. */
let template: string

beforeAll(async () => {
  template = mkdtempSync(join(tmpdir(), 'syncpg-directory-'))
  const session = await connect(`pglite:${template}`)
  await session.execute('create table kept as select 5 as a')
  await session.close()
  return () => rmSync(template, { recursive: true, force: true })
})

/** A copy of the database, changed. */
function database(change: (directory: string) => void, isCopied = (_path: string): boolean => true): string {
  const directory = join(folder(), 'data')
  cpSync(template, directory, { recursive: true, filter: isCopied })
  change(directory)
  return directory
}

/** The names of all files, with size and time of the last change. */
function contents(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: 'utf8' }).map((name) => {
    const { size, mtimeMs } = statSync(join(path, name))
    return `${name} ${size} ${mtimeMs}`
  })
}

interface Report {
  readonly error: string
  readonly message: string
}

/** The errors of both faces for each directory, from one process. */
const BOTH_FACES = `
  import * as db from 'syncpg'
  import { connect } from 'syncpg/async'
  for (const directory of process.argv.slice(1)) {
    for (const attempt of [() => connect('pglite:' + directory), () => db.connect('pglite:' + directory)]) {
      try {
        await (await attempt()).close()
        console.log(JSON.stringify({ error: 'none', message: '' }))
      } catch ({ name: error, message }) {
        console.log(JSON.stringify({ error, message }))
      }
    }
  }`

async function reportsOf(...directories: string[]): Promise<Report[]> {
  const { stdout, stderr } = await runScript(BOTH_FACES, { args: directories, timeoutMs: 90_000 })
  expect(stderr).toBe('')
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Report)
}

const logOf = (directory: string): string => join(directory, 'pg_wal/000000010000000000000001')
const without =
  (...names: string[]) =>
  (directory: string) => {
    for (const name of names) rmSync(join(directory, name), { recursive: true })
  }
const withFile = (name: string, content: string) => (directory: string) => {
  rmSync(join(directory, name), { recursive: true, force: true })
  writeFileSync(join(directory, name), content)
}

type Damage = readonly [what: string, change: (directory: string) => void, words: string]

const SEEN_BEFORE: readonly Damage[] = [
  [
    'of PostgreSQL 17',
    withFile('PG_VERSION', '17\n'),
    'was made by PostgreSQL 17, and the embedded one is PostgreSQL 18',
  ],
  ['of PostgreSQL 9.6', withFile('PG_VERSION', '9.6\n'), 'was made by PostgreSQL 9.6, and'],
  ['of no version', withFile('PG_VERSION', ''), 'its file PG_VERSION holds no version'],
  ['without PG_VERSION', without('PG_VERSION'), '"PG_VERSION" is missing'],
  ['without pg_control', without('global/pg_control'), '"global/pg_control" is missing'],
  ['from git, which keeps no empty folders', without('pg_notify'), '"pg_notify" is missing'],
  ['without pg_wal', without('pg_wal'), '"pg_wal" is missing'],
  ['with a file as base', withFile('base', ''), '"base" is missing or not what it should be'],
  ['without PG_VERSION and the folder global', without('PG_VERSION', 'global'), 'holds no database and is not empty'],
]

/** The server itself reports these kinds of damage. */
const FOUND_BY_SERVER: readonly Damage[] = [
  ['with a short pg_control', withFile('global/pg_control', 'short'), 'could not read file "global/pg_control"'],
  ['without a log', (directory) => rmSync(logOf(directory)), 'could not locate a valid checkpoint record'],
  ['without a catalog', without('base/5/1259'), 'could not open file "base/5/1259"'],
  ['with a bad setting', withFile('postgresql.conf', 'nonsense = =\n'), 'postgresql.conf" contains errors'],
]

/** Checks the errors of both faces for each kind of damage. */
async function expectReports(damages: readonly Damage[], directories: readonly string[]): Promise<void> {
  const answers = await reportsOf(...directories)
  damages.forEach(([what, , words], index) => {
    for (const { error, message } of answers.slice(2 * index, 2 * index + 2)) {
      expect([what, error]).toEqual([what, 'OperationalError'])
      expect(message).toContain(words)
      expect(message).toContain(directories[index]!)
      expect(message).toContain('HINT:')
    }
  })
  expect(directories.flatMap((directory) => readdirSync(directory).filter(isLockFile))).toEqual([])
}

test('a directory without a complete database of this version is refused and not changed', async () => {
  // The check does not read the files that make a database large.
  const isSmall = (path: string): boolean => !/(?:base|pg_wal)\/./.test(path)
  const directories = SEEN_BEFORE.map(([, change]) => database(change, isSmall))
  const before = directories.map(contents)
  await expectReports(SEEN_BEFORE, directories)
  expect(directories.map(contents)).toEqual(before)
})

test("if the server refuses a database, the error has the server's reason", async () => {
  const directories = FOUND_BY_SERVER.map(([, change]) => database(change))
  await expectReports(FOUND_BY_SERVER, directories)
})

test('a database works again after its missing file was restored', async () => {
  const directory = database(without('global/pg_control'))
  await reportsOf(directory)
  cpSync(join(template, 'global/pg_control'), join(directory, 'global/pg_control'))
  const session = await connect(`pglite:${directory}`)
  expect(await session.fetchval('select a from kept')).toBe(5)
  await session.close()
})

test('no database is unpacked among other files, even without a cache', async () => {
  const directory = folder()
  writeFileSync(join(directory, 'novel.txt'), 'Call me')
  const run = await runScript(BOTH_FACES, { args: [directory], env: { SYNCPG_CACHE_DIR: '' }, timeoutMs: 60_000 })
  expect(run.stdout.match(/holds no database and is not empty/g)).toHaveLength(2)
  expect(readdirSync(directory)).toEqual(['novel.txt'])
})

describe('a path of a data directory', () => {
  test.each<[string, (parent: string) => string, RegExp]>([
    [
      'that is a link to nothing',
      (parent) => (symlinkSync('nowhere', join(parent, 'link')), 'link'),
      /the symbolic link ".*link" leads to "nowhere", which does not exist/,
    ],
    [
      'through a link to nothing',
      (parent) => (symlinkSync('nowhere', join(parent, 'link')), 'link/data'),
      /the symbolic link ".*link" leads to "nowhere", which does not exist/,
    ],
    [
      'of links in a circle',
      (parent) => (symlinkSync('b', join(parent, 'a')), symlinkSync('a', join(parent, 'b')), 'a'),
      /lead in a circle/,
    ],
    ['that is a file', (parent) => (writeFileSync(join(parent, 'file'), 'x'), 'file'), /it is a file/],
    ['through a file', (parent) => (writeFileSync(join(parent, 'file'), 'x'), 'file/data'), /is a file/],
  ])('%s is refused, and no file is created', async (_what, make, words) => {
    const parent = folder()
    const path = join(parent, make(parent))
    const before = readdirSync(parent)
    for (const { error, message } of await reportsOf(path)) {
      expect(error).toBe('OperationalError')
      expect(message).toMatch(words)
      expect(message).toContain('HINT:')
    }
    expect(readdirSync(parent)).toEqual(before)
  })

  test.skipIf(process.platform !== 'linux')('is refused if no directory can be created there', async () => {
    for (const { error, message } of await reportsOf('/proc/none/data')) {
      expect(error).toBe('OperationalError')
      expect(message).toContain('a directory of its path is missing and cannot be made')
    }
  })

  test('that is a link to an empty directory gets the database in that directory', async () => {
    const parent = folder()
    mkdirSync(join(parent, 'data'))
    symlinkSync('data', join(parent, 'link'))
    expect(await reportsOf(join(parent, 'link'))).toEqual([
      { error: 'none', message: '' },
      { error: 'none', message: '' },
    ])
    expect(existsSync(join(parent, 'data/PG_VERSION'))).toBe(true)
  })
})

describe.skipIf(!canMount)('a file system for a data directory', () => {
  test.each([
    ['with a database', true],
    ['that is empty', false],
  ])('%s that is read-only gives an error that says so', async (_what, isDatabase) => {
    const directory = isDatabase ? database(() => {}) : folder()
    const mount = `mount --bind ${directory} ${directory} && mount -o remount,ro,bind ${directory}`
    const { stdout } = await runInContainer(mount, BOTH_FACES, { args: [directory], timeoutMs: 60_000 })
    expect(stdout.match(/"OperationalError".*cannot be used: its file system is read-only/g)).toHaveLength(2)
  })

  test('without space for a new database gives an error that says so, and the next start with space makes the database', async () => {
    const directory = folder()
    const source = `${BOTH_FACES}
      const { execFileSync } = await import('node:child_process')
      execFileSync('mount', ['-o', 'remount,size=200m', '${directory}'])
      const session = await connect('pglite:' + process.argv[1])
      console.log(await session.fetchval('select 7'))
      await session.close()`
    const { stdout } = await runInContainer(`mount -t tmpfs -o size=8m tmpfs ${directory}`, source, {
      args: [join(directory, 'data')],
      timeoutMs: 60_000,
    })
    expect(stdout.match(/"OperationalError".*cannot be used: its disk is full/g)).toHaveLength(2)
    expect(stdout).toMatch(/^7$/m)
  })

  test('that becomes full makes statements fail, and committed data stays', { timeout: 90_000 }, async () => {
    const directory = folder()
    const source = `
      import { connect } from 'syncpg/async'
      import { execFileSync } from 'node:child_process'
      const dsn = 'pglite:' + process.argv[1] + '/data'
      const session = await connect(dsn)
      await session.execute('create table kept as select 5 as a; create table big (a text)')
      let count = 0
      try {
        for (;; count++) {
          await session.execute("insert into kept values (6)")
          await session.execute("insert into big select repeat('x', 1000) from generate_series(1, 5000)")
        }
      } catch (error) {
        console.log(error.name)
      }
      await session.close()
      execFileSync('mount', ['-o', 'remount,size=200m', process.argv[1]])
      const again = await connect(dsn)
      const [kept, big] = await again.fetchrow('select (select count(*) from kept)::int, (select count(*) from big)::int')
      console.log(kept - 1 === count || kept - 2 === count, big === 5000 * count)
      await again.close()`
    const { stdout, stderr } = await runInContainer(`mount -t tmpfs -o size=60m tmpfs ${directory}`, source, {
      args: [directory],
      timeoutMs: 60_000,
    })
    expect([stdout, stderr]).toEqual(['DiskFullError\ntrue true\n', ''])
  })
})

test('the major version is read from the program of the server', () => {
  expect(serverMajor(readFileSync('node_modules/@electric-sql/pglite/dist/pglite.wasm'))).toBe(
    Number(readFileSync(join(template, 'PG_VERSION'), 'utf8')),
  )
  expect(serverMajor(Buffer.from('\0PostgreSQL is not told\0'))).toBeNull()
})
