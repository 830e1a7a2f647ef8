/**
 * The start of the embedded server. The first start on a machine stores an image of a new cluster, and later starts use
 * it.
 */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'

import { OperationalError, connect } from 'syncpg/async'

import { imagePath } from '../../../src-async/wire/embedded/cache.ts'
import { ClusterImage, storeImage } from '../../../src-async/wire/embedded/image.ts'
import { runScript } from '../../support/run-script.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const { version } = JSON.parse(readFileSync('node_modules/@electric-sql/pglite/package.json', 'utf8')) as {
  version: string
}
const NAME = `pglite-${version}.image`
/** The image that the first start has stored, in a home directory of its own. The tests use it. */
let image: string

const folder = (): string => temporaryFolder('embedded')

/** The answer of a new session that uses this cache folder. */
async function answers(cache: string, dsn = 'pglite:'): Promise<unknown> {
  vi.stubEnv('SYNCPG_CACHE_DIR', cache)
  const session = await connect(dsn)
  try {
    return await session.fetchval(`select current_setting('shared_buffers') || count(*) from pg_database`)
  } finally {
    await session.close()
  }
}

beforeAll(async () => {
  const home = mkdtempSync(join(tmpdir(), 'syncpg-embedded-'))
  const script = `import { connect } from 'syncpg'
    connect('pglite:${join(home, 'data')}').close()`
  const env = { HOME: home, XDG_CACHE_HOME: '', LOCALAPPDATA: home, SYNCPG_CACHE_DIR: undefined as unknown as string }
  const { status, stderr } = await runScript(script, { env, timeoutMs: 60_000 })
  if (status !== 0) throw new Error(`the first start failed: ${stderr}`)
  const found = readdirSync(home, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith(NAME))
  image = join(home, found[0]!)
  return () => rmSync(home, { recursive: true, force: true })
}, 90_000)
afterEach(() => vi.unstubAllEnvs())

/** A cache folder with the image, after the change. */
function cacheWith(change: (path: string) => void): string {
  const cache = folder()
  copyFileSync(image, join(cache, NAME))
  change(join(cache, NAME))
  return cache
}

describe('the image of a new database', () => {
  test("is stored by the first start in the user's cache folder, for its user alone, and is small", () => {
    expect(readdirSync(dirname(image))).toEqual([NAME])
    expect(statSync(image).mode & 0o777).toBe(0o600)
    expect(statSync(image).size).toBeLessThan(20_000_000)
  })

  test('is used by the next start, which does not change it', async () => {
    const cache = cacheWith(() => {})
    const before = statSync(join(cache, NAME))
    expect(await answers(cache)).toBe('16MB3')
    expect(statSync(join(cache, NAME)).ino).toBe(before.ino)
  })

  test.each<[string, (path: string) => void]>([
    ['missing', (path) => rmSync(path)],
    ['cut short', (path) => truncateSync(path, 1_000_000)],
    ['empty', (path) => truncateSync(path, 0)],
    ['of another format', (path) => writeFileSync(path, `something else ${' '.repeat(1000)}`)],
    ['with a spoilt index', (path) => writeFileSync(path, spoilt(path, 200))],
    ['others may write', (path) => chmodSync(path, 0o666)],
  ])('that is %s is not used', (_what, change) => {
    expect(ClusterImage.open(image)).not.toBeNull()
    expect(ClusterImage.open(join(cacheWith(change), NAME))).toBeNull()
  })

  test('that is unusable is replaced by a new one', () => {
    const cache = cacheWith((path) => chmodSync(path, 0o666))
    storeImage(join(cache, NAME), readFileSync(image))
    expect(ClusterImage.open(join(cache, NAME))).not.toBeNull()
    expect(readdirSync(cache)).toEqual([NAME])
  })

  test('with damaged contents costs one slow start in memory', { timeout: 90_000 }, async () => {
    const cache = cacheWith(spoilContents)
    expect(await answers(cache)).toBe('16MB3')
    expect(existsSync(join(cache, NAME))).toBe(false)
  })

  test('with damaged contents is noticed before a folder is created from it', () => {
    const of = (path: string): boolean => {
      const opened = ClusterImage.open(path)!
      onTestFinished(() => opened.close())
      return opened.isWhole()
    }
    expect([of(image), of(join(cacheWith(spoilContents), NAME))]).toEqual([true, false])
  })

  test('is not stored if SYNCPG_CACHE_DIR is empty', () => {
    vi.stubEnv('SYNCPG_CACHE_DIR', '')
    expect(imagePath('1.2.3')).toBeNull()
  })
})

describe('a user without a place for the image', () => {
  /**
   * Connects and prints the answer, and the names of the files in the current folder. Each connection waits for initdb, so
   * one user gets the blocking face and a database in memory, the other one the async face and a database in a folder.
   */
  const ONE_FACE = `
    const { chdir, setuid, env } = await import('node:process')
    const { mkdtempSync, readdirSync, rmSync } = await import('node:fs')
    const { join } = await import('node:path')
    const { tmpdir, homedir } = await import('node:os')
    const [face, uid] = process.argv.slice(1)
    const [db, { connect }] = await Promise.all([import('syncpg'), import('syncpg/async')])
    if (uid !== undefined) setuid(Number(uid))
    const folder = mkdtempSync(join(tmpdir(), 'syncpg-homeless-'))
    chdir(folder)
    const session = await (face === 'blocking' ? db.connect('pglite:') : connect('pglite:' + join(folder, 'data')))
    console.log(await session.fetchval('select 1'))
    await session.close()
    console.log(readdirSync(folder).join())
    rmSync(folder, { recursive: true })`
  const unset = undefined as unknown as string
  const bare = { SYNCPG_CACHE_DIR: unset, XDG_CACHE_HOME: unset, LOCALAPPDATA: unset, HOME: unset }

  async function expectAnswer(env: Record<string, string>, args: string[], files: string): Promise<void> {
    const { stdout, stderr } = await runScript(ONE_FACE, { env, args, timeoutMs: 100_000 })
    expect([stdout, stderr]).toEqual([`1\n${files}\n`, ''])
  }

  test('whose home directory is read-only only waits for initdb', { timeout: 120_000 }, async () => {
    await expectAnswer({ ...bare, HOME: '/proc/no/home' }, ['blocking'], '')
  })

  test.skipIf(process.getuid?.() !== 0)(
    'who has no home directory waits for initdb and gets no error',
    { timeout: 120_000 },
    async () => {
      await expectAnswer(bare, ['async', '54322'], 'data')
    },
  )

  test.skipIf(process.platform === 'win32').each(['', 'somewhere'])(
    'whose home is %j gets no image in the current directory',
    (home) => {
      for (const name of ['SYNCPG_CACHE_DIR', 'XDG_CACHE_HOME']) vi.stubEnv(name, undefined)
      vi.stubEnv('HOME', home)
      expect(imagePath('1.2.3')).toBeNull()
    },
  )

  test.each<[string, (path: string) => void]>([
    ['a folder', (path) => mkdirSync(path)],
    ['a pipe that nobody writes to', (path) => void spawnSync('mkfifo', [path])],
  ])('with %s in place of the image opens no image', (_what, make) => {
    const path = join(folder(), NAME)
    make(path)
    expect(ClusterImage.open(path)).toBeNull()
  })
})

function spoilContents(path: string): void {
  const bytes = readFileSync(path)
  bytes.fill(0x5a, 1_000_000)
  writeFileSync(path, bytes)
}

function spoilt(path: string, at: number): Buffer {
  const bytes = readFileSync(path)
  bytes[at]! ^= 1
  return bytes
}

describe('a data directory', () => {
  test('is made from the image, for its user alone, and keeps its data', async () => {
    const cache = cacheWith(() => {})
    const directory = join(folder(), 'data')
    expect(await answers(cache, `pglite:${directory}`)).toBe('16MB3')
    expect(statSync(directory).mode & 0o777).toBe(0o700)
    expect(statSync(join(directory, 'PG_VERSION')).mode & 0o777).toBe(0o600)
    const session = await connect(`pglite:${directory}`)
    await session.execute('create table t as select 1 as a')
    await session.close()
    const again = await connect(`pglite:${directory}`)
    expect(await again.fetchval('select a from t')).toBe(1)
    await again.close()
  })

  test('with other files in it is refused and stays unchanged', async () => {
    const directory = folder()
    writeFileSync(join(directory, 'novel.txt'), 'Call me')
    const failure = await answers(dirname(image), `pglite:${directory}`).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(OperationalError)
    expect((failure as Error).message).toContain('holds no database and is not empty')
    expect(readdirSync(directory)).toEqual(['novel.txt'])
  })

  test('that was only partly created is created again', async () => {
    const directory = folder()
    mkdirSync(join(directory, 'base'))
    writeFileSync(join(directory, 'syncpg-unfinished'), '')
    writeFileSync(join(directory, 'PG_VERSION'), '')
    expect(await answers(dirname(image), `pglite:${directory}`)).toBe('16MB3')
    expect(readdirSync(directory)).not.toContain('syncpg-unfinished')
  })
})

test('tables grow, shrink and are read in memory as on a disk', async () => {
  const session = await connect('pglite:')
  const run = async (...statements: string[]) => {
    for (const statement of statements) await session.execute(statement)
  }
  const sums = async () =>
    session.fetchrow(`select count(*)::int, md5(string_agg(id || v, ',' order by id)) from t`).then((row) => [...row!])
  await session.execute(`create table t as select g as id, repeat(g::text, 40) as v from generate_series(1, 20000) g`)
  const first = await sums()
  expect(first[0]).toBe(20_000)
  await run('create index on t (id)', 'update t set v = v where id % 3 = 0', 'vacuum full t', 'checkpoint')
  expect(await sums()).toEqual(first)
  await run('delete from t where id > 50', 'vacuum t')
  expect((await sums())[0]).toBe(50)
  await session.execute('truncate t')
  await session.execute(`insert into t select g, repeat(g::text, 40) from generate_series(1, 20000) g`)
  expect(await sums()).toEqual(first)
  await session.execute('create database other')
  await session.close()
})
