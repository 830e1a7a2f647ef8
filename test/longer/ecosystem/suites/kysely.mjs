// Kysely's own tests for PostgreSQL: over `pg` itself, over `SyncpgDialect`, and over Kysely's dialect for `pg` with
// `syncpg/pg` in the place of `pg` and `pg-cursor`. The checkout has to be built, its tests too: `npm install && npx
// tsc && npx tsc -p test/node`. Its tests run unchanged. Only at the end of their shared setup a few lines are added,
// with the server and the dialect.
import { spawn } from 'node:child_process'
import { appendFileSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

import { connect } from '../../../../dist/async.js'

const LIMIT_MS = 500_000
const WAYS = {
  pg: 'Kysely over pg',
  native: 'Kysely, SyncpgDialect',
  shim: 'Kysely over syncpg/pg',
}
const DATABASE = 'kysely_test'

export async function run({ checkout, folder, dsn, only, install }) {
  for (const part of ['dist/index.js', 'test/node/dist/test-setup.js', 'node_modules/mocha']) {
    if (!existsSync(join(checkout, part))) {
      throw new Error(`${checkout} is not built: npm install && npx tsc && npx tsc -p test/node`)
    }
  }
  const rows = []
  for (const [way, suite] of Object.entries(WAYS)) {
    const home = join(folder, way)
    prepare(checkout, home, install, way)
    await freshDatabase(dsn)
    appendFileSync(join(home, 'test/node/dist/test-setup.js'), setup(dsn, way))
    rows.push({ suite, ...(await runMocha(home, only)) })
  }
  return rows
}

/** A copy that shares the packages of the checkout: node_modules is a folder of links, and syncpg is one of them. */
function prepare(checkout, home, install, way) {
  mkdirSync(join(home, 'ours'), { recursive: true })
  for (const part of ['dist', 'package.json', 'test/node/dist']) {
    cpSync(join(checkout, part), join(home, part), { recursive: true })
  }
  const modules = join(home, 'node_modules')
  mkdirSync(modules)
  for (const name of readdirSync(join(checkout, 'node_modules'))) {
    if (!name.startsWith('.')) symlinkSync(join(checkout, 'node_modules', name), join(modules, name))
  }
  install(join(home, 'ours'), ['pg-types@2'])
  replace(modules, 'kysely', home)
  replace(modules, 'syncpg', join(home, 'ours/node_modules/syncpg'))
  if (way !== 'shim') return
  standIn(modules, 'pg', 'pg')
  standIn(modules, 'pg-cursor', 'pg/cursor')
}

function replace(modules, name, target) {
  rmSync(join(modules, name), { recursive: true, force: true })
  symlinkSync(target, join(modules, name))
}

/** A package that re-exports `syncpg/pg`, as in docs/guides/pg.md. */
function standIn(modules, name, entry) {
  const folder = join(modules, name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, type: 'module', exports: './index.js' }))
  const lines = [`export * from 'syncpg/${entry}'`, `export { default } from 'syncpg/${entry}'`, '']
  writeFileSync(join(folder, 'index.js'), lines.join('\n'))
}

async function freshDatabase(dsn) {
  const con = await connect(dsn)
  await con.execute(`drop database if exists ${DATABASE} with (force)`)
  await con.execute(`create database ${DATABASE}`)
  await con.close()
}

/** The lines that are added to the end of Kysely's setup. */
function setup(dsn, way) {
  const { hostname, port, username, password } = new URL(dsn)
  const config = {
    host: hostname,
    port: Number(port),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: DATABASE,
  }
  const place = `\nObject.assign(POSTGRES_CONFIG, ${JSON.stringify(config)})\n`
  if (way !== 'native') return place
  // The tests expect pg's values: int8 and numeric as strings.
  return `${place}
import { createPool as openSyncpgPool } from 'syncpg/async'
import { SyncpgDialect } from 'syncpg/kysely'
const ours = { ...${JSON.stringify(config)}, minSize: 0, maxSize: POOL_SIZE, types: { int8: 'string', numeric: 'string' } }
DB_CONFIGS.postgres.dialect = new SyncpgDialect({ pool: () => openSyncpgPool(ours) })
`
}

async function runMocha(home, only) {
  const mocha = join(createRequire(join(home, 'package.json')).resolve('mocha/package.json'), '../bin/mocha.js')
  const report = join(home, 'report.json')
  const options = ['--no-config', '--timeout', '15000', '--exit', '--reporter', 'json', '--reporter-option']
  const files = readdirSync(join(home, 'test/node/dist'), { recursive: true }).filter(
    (name) => name.endsWith('.test.js') && name.includes(only),
  )
  const paths = files.toSorted().map((name) => `test/node/dist/${name}`)
  const env = { ...process.env, DIALECTS: 'postgres', NODE_OPTIONS: '' }
  const output = await execute(process.execPath, [mocha, ...options, `output=${report}`, ...paths], home, env)
  if (!existsSync(report))
    return { total: 1, passed: 0, failures: [{ name: 'all of it', output: output.slice(-3000) }] }
  const { stats, failures } = JSON.parse(readFileSync(report, 'utf8'))
  return {
    total: stats.passes + stats.failures,
    passed: stats.passes,
    failures: failures.map(({ fullTitle, err }) => ({
      name: fullTitle,
      output: `${err.stack ?? err.message}`.slice(0, 1500),
    })),
  }
}

function execute(program, args, cwd, env) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const keep = (chunk) => void (output += chunk)
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS)
    child.on('close', () => {
      clearTimeout(timer)
      resolve(output)
    })
  })
}
