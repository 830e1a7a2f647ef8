// node-postgres's own suites: pg's integration tests, each file a program, and pg-pool's, pg-cursor's and
// pg-query-stream's. In the copy of the checkout `syncpg/pg`, its cursor and its stream replace the sources of pg,
// pg-cursor and pg-query-stream. pg-pool's sources stay, over the clients of `syncpg/pg`.
import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join, relative } from 'node:path'

const HELPERS = [
  'async@2.6.4',
  'bluebird@3.7.2',
  'co@4.6.0',
  'pg-copy-streams@0.3.0',
  'mocha@11',
  'expect.js@0.3.1',
  'lodash@4',
]
const STREAM_HELPERS = ['JSONStream@~1.3.5', 'concat-stream@~1.0.1', 'stream-spec@~0.3.5', 'tsx@4', 'pg-types@2.2.0']
const LIMIT_MS = 60_000

/** The files of pg's sources that its tests import. */
const LIB = {
  index: 'pg',
  client: 'pg.Client',
  query: 'pg.Query',
  result: 'pg.Result',
  utils: 'pg.utils',
  defaults: 'pg.defaults',
  connection: 'pg.Connection',
  'type-overrides': 'pg.TypeOverrides',
  'connection-parameters': 'new pg.Client().connectionParameters.constructor',
  native: '(() => { throw new Error("no native client") })()',
}

export async function run({ checkout, folder, dsn, only, install }) {
  prepare(checkout, folder, install)
  const env = environment(dsn)
  const rows = []
  const wants = (name) => only === '' || name.includes(only)
  rows.push(await runFiles(folder, env, wants))
  for (const name of ['pg-pool', 'pg-cursor', 'pg-query-stream']) rows.push(await runMocha(folder, name, env, wants))
  // The suites of pg-cursor and pg-query-stream once more, over these packages themselves, which read portals of our
  // connection.
  for (const name of ['pg-cursor', 'pg-query-stream']) restore(checkout, folder, name)
  for (const name of ['pg-cursor', 'pg-query-stream']) {
    rows.push({ ...(await runMocha(folder, name, env, wants)), suite: `${name}, its own sources` })
  }
  return rows.filter(({ total }) => total > 0)
}

function prepare(checkout, folder, install) {
  for (const name of ['pg', 'pg-pool', 'pg-cursor', 'pg-query-stream']) {
    cpSync(join(checkout, 'packages', name), join(folder, 'packages', name), {
      recursive: true,
      filter: (path) => basename(path) !== 'node_modules',
    })
  }
  install(folder, [...HELPERS, ...STREAM_HELPERS])
  const packages = join(folder, 'packages')
  const lib = join(packages, 'pg/lib')
  rmSync(lib, { recursive: true })
  mkdirSync(lib)
  for (const [file, value] of Object.entries(LIB)) {
    writeFileSync(join(lib, `${file}.js`), `const { pg } = require('syncpg/pg')\nmodule.exports = ${value}\n`)
  }
  writeFileSync(join(packages, 'pg-cursor/index.js'), "module.exports = require('syncpg/pg/cursor').Cursor\n")
  const stream = "const { QueryStream } = require('syncpg/pg/query-stream')\nmodule.exports = QueryStream\n"
  rmSync(join(packages, 'pg-query-stream/src'), { recursive: true })
  mkdirSync(join(packages, 'pg-query-stream/src'))
  writeFileSync(join(packages, 'pg-query-stream/src/index.js'), stream)
  for (const name of ['pg', 'pg-pool', 'pg-cursor']) {
    rmSync(join(folder, 'node_modules', name), { recursive: true, force: true })
    symlinkSync(join(packages, name), join(folder, 'node_modules', name))
  }
}

function restore(checkout, folder, name) {
  const sources = name === 'pg-cursor' ? 'index.js' : 'src'
  const target = join(folder, 'packages', name, sources)
  rmSync(target, { recursive: true })
  cpSync(join(checkout, 'packages', name, sources), target, { recursive: true })
}

function environment(dsn) {
  const { hostname, port, username, password, pathname } = new URL(dsn)
  const { PATH, HOME, USER = 'postgres' } = process.env
  return {
    ...{ PATH, HOME, USER },
    PGHOST: hostname,
    PGPORT: port,
    PGUSER: decodeURIComponent(username),
    PGPASSWORD: decodeURIComponent(password),
    PGDATABASE: pathname.slice(1),
    PGTESTNOSSL: 'true',
  }
}

/** Each file is a program that prints a line with a tick for each test, and fails as a whole. */
async function runFiles(folder, env, wants) {
  const home = join(folder, 'packages/pg')
  const tests = join(home, 'test/integration')
  const files = readdirSync(tests, { recursive: true }).filter((name) => name.endsWith('-tests.js') && wants(name))
  const row = { suite: `pg, ${files.length} files`, total: 0, passed: 0, failures: [] }
  for (const file of files.toSorted()) {
    const { status, output } = await execute(process.execPath, [relative(home, join(tests, file))], home, env)
    const passed = output.split('\n').filter((line) => line.includes('✔')).length
    const failed = status === 0 ? 0 : 1
    row.passed += passed
    row.total += passed + failed
    if (failed > 0) row.failures.push({ name: file, output: output.slice(-2500) })
  }
  return row
}

async function runMocha(folder, name, env, wants) {
  const home = join(folder, 'packages', name)
  const isStream = name === 'pg-query-stream'
  const row = { suite: name, total: 0, passed: 0, failures: [] }
  const files = readdirSync(join(home, 'test')).filter((file) => /\.[jt]s$/.test(file) && wants(`${name}/${file}`))
  if (files.length === 0) return row
  const mocha = join(folder, 'node_modules/mocha/bin/mocha.js')
  const options = [
    mocha,
    '--no-config',
    '--no-package',
    '--exit',
    '--reporter',
    'json',
    '--reporter-option',
    `output=${home}/report.json`,
  ]
  if (isStream) options.push('--require', 'tsx/cjs')
  if (existsSync(join(home, 'test/setup.js'))) options.push('--file', 'test/setup.js')
  const { output } = await execute(process.execPath, [...options, ...files.map((file) => `test/${file}`)], home, env, 5)
  if (!existsSync(join(home, 'report.json'))) return { ...row, total: 1, failures: [{ name: 'all of it', output }] }
  const { stats, failures } = JSON.parse(readFileSync(join(home, 'report.json'), 'utf8'))
  row.total = stats.passes + stats.failures
  row.passed = stats.passes
  row.failures = failures.map(({ fullTitle, err }) => ({
    name: fullTitle,
    output: `${err.stack ?? err.message}`.slice(0, 1500),
  }))
  return row
}

function execute(program, args, cwd, env, limits = 1) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const keep = (chunk) => void (output += chunk)
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS * limits)
    child.on('close', (status) => {
      clearTimeout(timer)
      resolve({ status: status ?? 1, output })
    })
  })
}
