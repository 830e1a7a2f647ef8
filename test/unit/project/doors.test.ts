/**
 * Compares the doors in tools/doors.mjs with those in package.json, and tests how programs that use a door are built.
 */
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const require = createRequire(import.meta.url)
// oxlint-disable-next-line no-explicit-any -- the tools are JavaScript.
type Loose = any
const tool = async (name: string): Promise<Loose> =>
  await import(new URL(`../../../tools/${name}`, import.meta.url).href)
const { DOORS, USERS_OF_PEERS } = (await tool('doors.mjs')) as Record<
  'DOORS' | 'USERS_OF_PEERS',
  Record<string, string>
>
const { buildUsers } = await tool('bundles.mjs')
const { toCommonJs } = await tool('module-formats.mjs')
const manifest = require('../../../package.json')

const folder = mkdtempSync(join(tmpdir(), 'syncpg-doors-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** `syncpg/pg/cursor` is built into dist/pg-cursor. */
const fileOf = (entry: string): string => (entry === '.' ? 'index' : entry.slice(2).replaceAll('/', '-'))

test('package.json names each door for import, for require and for resolvers that read no exports', () => {
  const { './package.json': _, ...entries } = manifest.exports
  expect(Object.keys(entries).map(fileOf).toSorted()).toEqual(Object.keys(DOORS).toSorted())
  const paths: Record<string, string[]> = {}
  for (const [entry, named] of Object.entries(entries)) {
    const name = fileOf(entry)
    const types = `./dist/types/${DOORS[name]!.replace(/\.ts$/, '.d.ts')}`
    expect(named).toEqual({
      import: { types: `./dist/${name}.d.ts`, default: `./dist/${name}.js` },
      require: { types, default: `./dist/${name}.cjs` },
    })
    for (const path of [`dist/${name}.d.ts`, `dist/${name}.js`, types, `dist/${name}.cjs`]) {
      expect(existsSync(join(root, path)), `${path} is not built; run npm run build`).toBe(true)
    }
    if (entry !== '.') paths[entry.slice(2)] = [types]
  }
  expect(manifest.typesVersions).toEqual({ '*': paths })
  expect([manifest.main, manifest.types]).toEqual(['./dist/index.cjs', './dist/types/src-sync/index.d.ts'])
})

test.each(Object.keys(DOORS))(
  '%s exports the same names and the same objects for import and for require',
  async (name) => {
    const imported = await import(new URL(`../../../dist/${name}.js`, import.meta.url).href)
    const required = require(`../../../dist/${name}.cjs`)
    expect(required.__esModule).toBe(true)
    // These doors are built twice, because the package that they use has two builds.
    const isTwice = Object.hasOwn(USERS_OF_PEERS, name)
    const differing = Object.keys(isTwice ? {} : required).filter((key) => required[key] !== imported[key])
    expect([Object.keys(imported).toSorted(), differing]).toEqual([Object.keys(required).toSorted(), []])
  },
)

// In the built CommonJS an imported name is a constant, so it would keep the first value.
test('no source exports a variable that it reassigns', () => {
  const files = ['src-async', 'src-sync', 'worker'].flatMap((room) => {
    const paths = readdirSync(join(root, room), { recursive: true, encoding: 'utf8' })
    return paths.filter((path) => path.endsWith('.ts')).map((path) => join(room, path))
  })
  const assigning = files.filter((path) => /^export (let|var)\b/m.test(readFileSync(join(root, path), 'utf8')))
  expect([files.length > 100, assigning]).toEqual([true, []])
})

const fixture = (name: string): string => `test/support/fixtures/adapters/${name}.ts`

test('built adapters of both doors load the built doors and each other, in CommonJS and as ES modules', async () => {
  const users = { 'async-user': fixture('async-user'), 'sync-user': fixture('sync-user') }
  const out = join(folder, 'dist')
  await buildUsers(users, out, { ...DOORS, ...users }, { inBothForms: true })
  // The doors are in the same folder, as in dist.
  for (const name of ['index', 'async']) {
    for (const end of ['.cjs', '.js']) symlinkSync(join(root, 'dist', name + end), join(out, name + end))
  }
  const doors = [require('../../../dist/index.cjs'), require('../../../dist/async.cjs')]
  const required = [require(join(out, 'sync-user.cjs')), require(join(out, 'async-user.cjs'))]
  expectOneInstance(doors, required)
  const imported = [await import(join(out, 'sync-user.js')), await import(join(out, 'async-user.js'))]
  expectOneInstance(doors, imported)
})

function expectOneInstance([sync, async]: Loose[], [syncUser, asyncUser]: Loose[]): void {
  expect([syncUser.SyncConnection === sync.Connection, asyncUser.AsyncConnection === async.Connection]).toEqual([
    true,
    true,
  ])
  expect([syncUser.connectBlocking === sync.connect, syncUser.day === asyncUser.day]).toEqual([true, true])
  expect([syncUser.kindOf() === asyncUser.kindOf(), asyncUser.day() instanceof sync.PgDate]).toEqual([true, true])
  const error = new sync.DataError('x')
  expect([syncUser.isBlockingDbError(error), asyncUser.isDbError(error)]).toEqual([true, true])
}

test('an adapter that imports anything but the doors is not built', async () => {
  const users = { intruder: fixture('intruder') }
  const built = buildUsers(users, join(folder, 'no'), { ...DOORS, ...users }, { logLevel: 'silent' })
  await expect(built).rejects.toThrow('src-async/values/sql.ts is no door')
})

test('imports of every kind become CommonJS, line by line', () => {
  const source = `import a, {
  b as c
} from "pkg";
import * as d from "./other.js";
import "./effect.js";
const later = () => import("./later.js");
const f = 1;
export {
  f as g
};
`
  const { code, names } = toCommonJs(source, 'x')
  expect(names).toEqual(['g'])
  expect(code.split('\n').length).toBe(source.split('\n').length)
  const asked: string[] = []
  const module = { exports: {} as { g?: number } }
  const loaded = (name: string): object => (asked.push(name), { __esModule: true, default: 'a', b: 'b' })
  new Function('require', 'module', code)(loaded, module)
  expect([asked, module.exports.g]).toEqual([['pkg', 'pkg', './other.cjs', './effect.cjs'], 1])
})

test('syntax that CommonJS does not have is refused', () => {
  expect(() => toCommonJs('export * from "pkg";\n', 'x')).toThrow('x: not known in CommonJS: export * from "pkg";')
  expect(() => toCommonJs('const a = import.meta.url;\n', 'x')).toThrow('not known')
})
