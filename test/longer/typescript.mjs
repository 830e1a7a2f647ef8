// `npm run test:typescript [-- 5.0 7.0 …]`: the declarations of the packed package in programs, with skipLibCheck false, on TypeScript
// 5.0 to 7, as `node16`, `nodenext`, `bundler` and `node` (node10) resolve packages, in ES modules and in CommonJS, with
// @types/node of 20 to 24. Prints a table. Not part of `npm test`: it downloads the compilers.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const words = process.argv.slice(2)
const VERSIONS = ['5.0', '5.2', '5.4', '5.6', '5.8', '5.9', '6.0', '7.0']
const versions = words.length > 0 ? words : VERSIONS
const NODE_TYPES = ['20', '22', '24']
const { exports: entries } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
// Drizzle's own declarations need skipLibCheck, and a minute of the compiler's time: they have a program of their own.
const doors = Object.keys(entries).filter((entry) => !['./package.json', './drizzle'].includes(entry))

/** How a program is compiled; `until` is the first TypeScript without it. */
const WAYS = [
  { name: 'node16, ES', file: 'program.mts', module: 'node16', moduleResolution: 'node16' },
  { name: 'node16, CommonJS', file: 'program.cts', module: 'node16', moduleResolution: 'node16' },
  { name: 'nodenext, ES', file: 'program.mts', module: 'nodenext', moduleResolution: 'nodenext' },
  { name: 'nodenext, CommonJS', file: 'program.cts', module: 'nodenext', moduleResolution: 'nodenext' },
  { name: 'nodenext, both', file: 'both.mts', module: 'nodenext', moduleResolution: 'nodenext' },
  { name: 'Drizzle, ES', file: 'drizzle.mts', module: 'nodenext', moduleResolution: 'nodenext', skipLibCheck: true },
  {
    name: 'Drizzle, CommonJS',
    file: 'drizzle.cts',
    module: 'nodenext',
    moduleResolution: 'nodenext',
    skipLibCheck: true,
  },
  { name: 'bundler', file: 'program.ts', module: 'esnext', moduleResolution: 'bundler' },
  { name: 'node', file: 'program.ts', module: 'commonjs', moduleResolution: 'node10', until: 7 },
]

const PROGRAM = `import { connect, Connection, DataError, sql } from 'syncpg'
import * as everything from 'syncpg'
import { connect as connectAsync, type Pool } from 'syncpg/async'
import { DatabaseSync } from 'syncpg/sqlite-shape'
import { Kysely } from 'kysely'
import { SyncpgDialect, executeSync } from 'syncpg/kysely'
import pg, { Client, type PoolClient } from 'syncpg/pg'
import Cursor from 'syncpg/pg/cursor'
import QueryStream from 'syncpg/pg/query-stream'
${doors.map((door, index) => `import * as door${index} from 'syncpg${door.slice(1)}'`).join('\n')}
export const doors = [${doors.map((_, index) => `door${index}`).join(', ')}]
const con: Connection = connect('postgres://localhost/x')
const count: number | undefined = con.execute<{ id: number }>(sql\`select \${1} as id\`).fetchone()?.id
con.close()
export const error: DataError = new everything.DataError(String(count))
export const closed: Promise<void> = connectAsync('postgres://localhost/x').then((other) => other.close())
export const builder = (pool: Pool): Kysely<{ t: { id: number } }> => new Kysely({ dialect: new SyncpgDialect({ pool }) })
export const ids = (db: Kysely<{ t: { id: number } }>): number[] =>
  executeSync(con, db.selectFrom('t').select('id')).map(({ id }) => id)
export const end = (pool: Pool): Promise<void> => pool.close()
export const shaped: pg.Pool = new pg.Pool({ max: 2, types: pg.types })
export const lent = (): Promise<PoolClient> => shaped.connect()
export const named = async (client: pg.Client): Promise<string[]> =>
  (await client.query<{ name: string }>('select name from t', [1])).rows.map(({ name }) => name)
export const pieces = (client: Client): [Cursor, QueryStream] => [
  client.query(new Cursor('select 1')),
  client.query(new QueryStream('select 1', [], { batchSize: 10 })),
]
export const shape = (): DatabaseSync => new DatabaseSync('postgres://localhost/x')
`

const DRIZZLE = `import { connect } from 'syncpg'
import type { Pool } from 'syncpg/async'
import { integer, pgTable } from 'drizzle-orm/pg-core'
import { drizzle, drizzleSync, executeSync } from 'syncpg/drizzle'
const table = pgTable('t', { id: integer().notNull() })
export const ids: number[] = executeSync(drizzleSync(connect({ autocommit: true })).select().from(table)).map(({ id }) => id)
export const later = (pool: Pool): Promise<{ id: number }[]> => drizzle(pool).select().from(table).execute()
`

/**
 * A file that imports passes its objects to a file that requires, so the classes must be the same for the compiler too.
 */
const BOTH = `import { connect } from 'syncpg'
import { close } from './required.cjs'
close(connect())
`
const REQUIRED = `import db = require('syncpg')
export const close = (con: db.Connection): void => con.close()
`

const folder = mkdtempSync(join(tmpdir(), 'syncpg-typescript-'))
try {
  install()
  const rows = WAYS.map((way) => [way.name, ...versions.map((version) => verdict(way, version))])
  const print = (cells) => console.log(`| ${cells.map((cell, at) => cell.padEnd(at === 0 ? 20 : 5)).join(' | ')} |`)
  print(['', ...versions])
  print(['---', ...versions.map(() => '---')])
  for (const row of rows) print(row)
  if (rows.some((row) => row.includes('FAIL'))) process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function install() {
  const npm = (args, cwd) => execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  const listing = npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder], root)
  const [packed] = Object.values(JSON.parse(listing))
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  const packages = [
    join(folder, packed.filename),
    ...versions.map((version) => `ts-${version}@npm:typescript@~${version}`),
  ]
  packages.push('kysely@0.28', 'drizzle-orm@0.45')
  packages.push(...NODE_TYPES.map((major) => `node-types-${major}@npm:@types/node@${major}`))
  const flags = ['--no-audit', '--no-fund', '--prefer-offline', '--silent']
  npm(['install', ...flags, ...packages], folder)
  for (const name of ['program.mts', 'program.cts', 'program.ts']) writeFileSync(join(folder, name), PROGRAM)
  for (const name of ['drizzle.mts', 'drizzle.cts']) writeFileSync(join(folder, name), DRIZZLE)
  writeFileSync(join(folder, 'both.mts'), BOTH)
  writeFileSync(join(folder, 'required.cts'), REQUIRED)
  for (const major of NODE_TYPES) {
    mkdirSync(join(folder, `types-${major}`))
    symlinkSync(join(folder, `node_modules/node-types-${major}`), join(folder, `types-${major}/node`))
  }
}

function verdict({ name, file, module, moduleResolution, until, skipLibCheck = false }, version) {
  const major = Number(version.split('.')[0])
  if (major >= until) return '-'
  // Newer types of Node are tested in only one way of resolution, because each way compiles all of them again.
  for (const types of name === 'nodenext, ES' ? NODE_TYPES : NODE_TYPES.slice(0, 1)) {
    const options = { module, moduleResolution, target: 'es2022', strict: true, noEmit: true, skipLibCheck }
    // The last compiler that has `node10` needs an option that confirms that it is deprecated.
    if (moduleResolution === 'node10' && major >= 6) options.ignoreDeprecations = '6.0'
    const compilerOptions = { ...options, typeRoots: [`./types-${types}`], types: ['node'] }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }))
    const run = spawnSync(process.execPath, [`node_modules/ts-${version}/bin/tsc`, '-p', '.'], {
      cwd: folder,
      encoding: 'utf8',
    })
    if (run.status === 0 || isOfNodeTypes(run.stdout)) continue
    console.error(`TypeScript ${version}, ${name}, @types/node ${types}:\n${run.stdout.slice(0, 3000)}`)
    return 'FAIL'
  }
  return 'ok'
}

/**
 * @types/node of 22 and later do not support compilers that are two years old. If they fail themselves, the combination
 *   is skipped.
 */
function isOfNodeTypes(output) {
  return /^node_modules\/node-types-2[24]\/.*: error /m.test(output)
}
