/**
 * The places where scripts run: module systems, bundles, workers, test runners. Each test runs a process of its own,
 * which must end by itself.
 */
import { mkdtempSync, rmSync, symlinkSync, mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { build, type BuildOptions } from 'esbuild'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { sharedServer } from '../../support/shared-server.ts'
import { type ProgramRun, runProgram } from '../../support/run-program.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

let folder: string

/** A project that has the package among its dependencies. */
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'syncpg-everywhere-'))
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(root, join(folder, 'node_modules', 'syncpg'))
  symlinkSync(join(root, 'node_modules', 'tsx'), join(folder, 'node_modules', 'tsx'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function run(args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<ProgramRun> {
  const env = { DSN: sharedServer().dsn({ transport: 'unix' }), ...more }
  return runProgram(process.execPath, args, { cwd: folder, env })
}

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const USE = "const con = db.connect(process.env.DSN)\nconsole.log('answer', con.fetchval('select %s::int', [42]))\n"
const good = (stdout: string): object => ({ stdout, stderr: '', status: 0 })

test('an ES module, with and without close()', async () => {
  expect(await run([file('a.mjs', `import * as db from 'syncpg'\n${USE}`)])).toEqual(good('answer 42\n'))
  expect(await run([file('b.mjs', `import * as db from 'syncpg'\n${USE}con.close()\n`)])).toEqual(good('answer 42\n'))
})

test('CommonJS', async () => {
  const it = await run(['--disable-warning=ExperimentalWarning', file('a.cjs', `const db = require('syncpg')\n${USE}`)])
  expect(it).toEqual(good('answer 42\n'))
})

/** Bundles a program with only the options that docs/guides/tools.md names. */
async function bundle(format: 'esm' | 'cjs', options: BuildOptions = {}): Promise<string> {
  const outfile = join(folder, `bundle.${format === 'esm' ? 'mjs' : 'cjs'}`)
  const entry = file('entry.mjs', `import * as db from 'syncpg'\n${USE}`)
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format,
    logLevel: 'silent',
    ...options,
  })
  return outfile
}

test.each(['esm', 'cjs'] as const)('a bundle that does not contain the package, %s', async (format) => {
  expect(await run([await bundle(format, { external: ['syncpg'] })])).toEqual(good('answer 42\n'))
})

test.each(['esm', 'cjs'] as const)('a bundle that contains the package, %s, with SYNCPG_WORKER', async (format) => {
  const path = await bundle(format)
  const worker = { SYNCPG_WORKER: join('node_modules', 'syncpg', 'dist', 'worker.cjs') }
  expect(await run([path], worker)).toEqual(good('answer 42\n'))
  // Without the variable, or when it names an empty file, an error says what to do.
  const alone = file('alone.js', '')
  for (const env of [{}, { SYNCPG_WORKER: alone }]) {
    const { status, stderr } = await run([path], env)
    expect(status).toBe(1)
    expect(stderr).toMatch(/OperationalError: the (worker's file is|package synckit is not) .*\nHINT: .*SYNCPG_WORKER/)
  }
})

test('tsx', async () => {
  const text = `import * as db from 'syncpg'\nconst con: db.Connection = db.connect(process.env['DSN'])
console.log('answer', con.fetchval('select %s::int', [42]) as number)\n`
  expect(await run(['--import', 'tsx', file('a.mts', text)])).toEqual(good('answer 42\n'))
})

test('inside a Worker, and in two at once with fifty connections each', async () => {
  const worker = file(
    'worker.mjs',
    `import * as db from 'syncpg'
import { parentPort } from 'node:worker_threads'
const all = Array.from({ length: 50 }, () => db.connect(process.env.DSN, { autocommit: true }))
let sum = 0
for (let round = 0; round < 5; round++) for (const [i, con] of all.entries()) sum += con.fetchval('select %s::int', [i])
for (const con of all) con.close()
parentPort.postMessage(sum)
`,
  )
  const main = file(
    'main.mjs',
    `import { Worker } from 'node:worker_threads'
for (let i = 0; i < 2; i++) new Worker(${JSON.stringify(worker)}).on('message', (sum) => console.log('sum', sum))
`,
  )
  expect(await run([main])).toEqual(good('sum 6125\nsum 6125\n'))
})

test('under node:test', async () => {
  const path = file(
    'a.test.mjs',
    `import assert from 'node:assert'\nimport test from 'node:test'\nimport * as db from 'syncpg'
test('it', () => { using(db.connect(process.env.DSN), (con) => assert.equal(con.fetchval('select 42'), 42)) })
function using(con, fn) { try { fn(con) } finally { con.close() } }\n`,
  )
  const it = await run(['--test', path])
  expect([it.status, it.stdout]).toEqual([0, expect.stringMatching(/pass 1\n/)])
})

test("an exit in the middle of a transaction leaves no session behind and keeps the program's exit code", async () => {
  const source = `import * as db from 'syncpg'\n${USE}con.execute('select 1')\nprocess.exit(7)\n`
  expect(await run([file('a.mjs', source)])).toEqual({ ...good('answer 42\n'), status: 7 })
})
