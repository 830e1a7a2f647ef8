/**
 * Tests the package as users get it: packs it, checks its files, installs it into an empty folder without its optional
 * parts, and runs a consumer of every kind against a real server. Expects `npm run build` to have run.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { startServer } from './postgres-server.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))

const WANTED = [
  'LICENSE',
  'README.md',
  'CHANGELOG.md',
  'package.json',
  'dist/index.js',
  'dist/index.cjs',
  'dist/async.js',
  'dist/async.cjs',
  'dist/sqlite-shape.cjs',
  'dist/index.d.ts',
  'dist/types/package.json',
  'dist/worker.cjs',
  // The files to which the README links.
  'docs/guides/first-hour.md',
]
WANTED.push('dist/types/src-sync/index.d.ts', 'dist/types/src-async/index.d.ts')
const ALLOWED =
  /^(LICENSE|(?:README|CHANGELOG|CONTRIBUTING|SECURITY)\.md|package\.json|dist\/[\w-]+\.c?js(\.map)?|dist\/[\w-]+\.d\.ts|dist\/(?:peer-)?types\/[\w/-]+\.d\.ts|dist\/types\/package\.json|docs\/[\w/.-]+)$/

const SYNC_BODY = `
  const con = connect(process.env.SMOKE_DSN)
  console.log(con.execute('select 40 + 2').fetchone()[0])
  con.close()`

/** One consumer each: its file, and what it must print. */
const CONSUMERS = [
  ['import.mjs', `import { connect } from 'syncpg'\n${SYNC_BODY}`],
  ['require.cjs', `const { connect } = require('syncpg')\n${SYNC_BODY}`],
  ['dynamic.cjs', `import('syncpg').then(({ connect }) => {${SYNC_BODY} })`],
  // The connection stays open on purpose: a script that forgets close() must end all the same.
  ['unclosed.mjs', `import { connect } from 'syncpg'\n${SYNC_BODY.replace('con.close()', '')}`],
  [
    'async.mjs',
    `import { connect } from 'syncpg/async'
    const con = await connect(process.env.SMOKE_DSN)
    console.log(await con.fetchval('select 40 + 2'))
    await con.close()`,
  ],
  [
    'async.cjs',
    `const { connect } = require('syncpg/async')
    connect(process.env.SMOKE_DSN).then(async (con) => {
      console.log(await con.fetchval('select 40 + 2'))
      await con.close()
    })`,
  ],
  [
    'shape.cjs',
    `const { DatabaseSync } = require('syncpg/sqlite-shape')
    const db = new DatabaseSync(process.env.SMOKE_DSN)
    console.log(db.prepare('select 40 + 2 as answer').get().answer)
    db.close()`,
  ],
]

const TYPED_CONSUMER = `import { connect } from 'syncpg'
import { connect as connectAsync } from 'syncpg/async'
import { DatabaseSync } from 'syncpg/sqlite-shape'
export const shape = (): DatabaseSync => new DatabaseSync('postgres://localhost/x')
const con = connect('postgres://localhost/x')
con.close()
export const closed: Promise<void> = connectAsync('postgres://localhost/x').then((other) => other.close())
`

const failures = []
const folder = mkdtempSync(join(tmpdir(), 'syncpg-smoke-'))
try {
  const tarball = checkContents()
  if (failures.length === 0) {
    install(tarball)
    checkTypes()
    await runConsumers()
  }
} catch (error) {
  failures.push(describe(error))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
for (const failure of failures) console.error(`packed package: ${failure}`)
if (failures.length > 0) process.exit(1)
console.log(`packed package: ${CONSUMERS.length} consumers and the types are fine`)

function checkContents() {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]
  const listing = execFileSync('npm', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  const [packed] = Object.values(JSON.parse(listing))
  const paths = packed.files.map((file) => file.path)
  for (const path of WANTED) if (!paths.includes(path)) failures.push(`${path} is missing`)
  for (const path of paths) if (!ALLOWED.test(path)) failures.push(`${path} should not be in it`)
  return join(folder, packed.filename)
}

function install(tarball) {
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  const args = ['install', '--omit=optional', '--no-audit', '--no-fund', '--prefer-offline', '--silent', tarball]
  execFileSync('npm', args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
}

// How TypeScript users resolve packages; the declarations themselves are checked too (no skipLibCheck). Older compilers, and
// the resolution that reads no `exports`: test/longer/typescript.mjs.
function checkTypes() {
  writeFileSync(join(folder, 'consumer.mts'), TYPED_CONSUMER)
  writeFileSync(join(folder, 'consumer.cts'), TYPED_CONSUMER)
  for (const resolution of ['nodenext', 'bundler']) {
    const module = resolution === 'bundler' ? 'preserve' : resolution
    const typeRoots = join(root, 'node_modules/@types')
    const args = ['--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2023,esnext.disposable', '--types', 'node']
    args.push(
      '--module',
      module,
      '--moduleResolution',
      resolution,
      '--typeRoots',
      typeRoots,
      'consumer.mts',
      'consumer.cts',
    )
    try {
      execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...args], {
        cwd: folder,
        stdio: 'pipe',
      })
    } catch (error) {
      failures.push(`types with moduleResolution ${resolution}: ${describe(error)}`)
    }
  }
}

async function runConsumers() {
  const server = await startServer()
  try {
    for (const [file, source] of CONSUMERS) runConsumer(file, source, server.dsn())
  } finally {
    await server.dispose()
  }
}

function runConsumer(file, source, dsn) {
  writeFileSync(join(folder, file), source)
  try {
    const env = { PATH: process.env.PATH, HOME: folder, SMOKE_DSN: dsn }
    const output = execFileSync(process.execPath, [file], {
      cwd: folder,
      env,
      encoding: 'utf8',
      stdio: 'pipe',
      timeout: 30_000,
    })
    if (output.trim() !== '42') failures.push(`${file} printed ${JSON.stringify(output)} instead of 42`)
  } catch (error) {
    failures.push(`${file}: ${describe(error)}`)
  }
}

function describe(error) {
  // The compiler reports on stdout. The message of the error already has the text of stderr.
  return [error.message, error.stdout].filter(Boolean).join('\n').trim().slice(0, 2000)
}
