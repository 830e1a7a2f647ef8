/** A program that uses syncpg works with Node's options, and prints the same as a program without syncpg. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { sharedServer } from '../../support/shared-server.ts'
import { type ProgramRun, runProgram } from '../../support/run-program.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'syncpg-node-options-'))
  const hook = `require('node:fs').appendFileSync(process.env.HOOKED, 'hooked in ' + (require('node:worker_threads').isMainThread ? 'main' : 'a thread') + '\\n')`
  writeFileSync(join(folder, 'hook.cjs'), hook)
  writeFileSync(
    join(folder, 'loader.mjs'),
    'export const resolve = (specifier, context, next) => next(specifier, context)',
  )
})
afterAll(() => rmSync(folder, { recursive: true }))

const WITHOUT = `console.log('answer', 42)`
const WITH = `const db = await import('syncpg')
const con = db.connect(process.env.DSN)
if (con.fetchval('select 42') !== 42) throw new Error('another answer')
con.close()
console.log('answer', 42)`

async function run(source: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<ProgramRun> {
  const all = { HOOKED: join(folder, 'hooked'), DSN: sharedServer().dsn(), ...env }
  const ended = await runProgram(process.execPath, [...args, '--input-type=module', '--eval', source], {
    cwd: root,
    env: all,
  })
  return { ...ended, stderr: comparable(ended.stderr) }
}

/** The text without the parts that differ between two runs: process ids, the address of the inspector. */
function comparable(text: string): string {
  return text.replace(/\(node:\d+\)/g, '(node)').replace(/ws:\S+/g, 'ws:')
}

/** Options of the process and of V8 that Node refuses for a thread. */
const PROCESS =
  '--title=x --max-old-space-size=300 --expose-gc --stack-trace-limit=50 --use-openssl-ca --tls-cipher-list=DEFAULT'
const ANYWHERE = [
  '--title=x',
  `${PROCESS} --no-warnings --dns-result-order=ipv4first --tls-min-v1.3 --enable-source-maps`,
  '--trace-warnings --throw-deprecation',
  '--inspect=0',
  '--import tsx',
  '--require HOOK --import data:text/javascript,1 --loader LOADER',
  ...(process.allowedNodeEnvironmentFlags.has('--experimental-strip-types') ? ['--experimental-strip-types'] : []),
]
const COMMAND_LINE = ['--cpu-prof --cpu-prof-dir=FOLDER --v8-pool-size=2 --secure-heap=65536']

const words = (text: string): string[] => {
  const loader = new URL(`file://${join(folder, 'loader.mjs')}`).href
  return text
    .split(' ')
    .map((word) => word.replace('HOOK', join(folder, 'hook.cjs')).replace('LOADER', loader).replace('FOLDER', folder))
}

test.each(ANYWHERE)('NODE_OPTIONS="%s"', async (text) => {
  const env = { NODE_OPTIONS: words(text).join(' ') }
  const expected = await run(WITHOUT, [], env)
  expect(expected.status).toBe(0)
  expect(await run(WITH, [], env)).toEqual(expected)
})

test.each([...ANYWHERE, ...COMMAND_LINE])('node %s', async (text) => {
  const expected = await run(WITHOUT, words(text), {})
  expect(expected.status).toBe(0)
  expect(await run(WITH, words(text), {})).toEqual(expected)
})

test('the embedded database', async () => {
  const env = { NODE_OPTIONS: PROCESS, DSN: 'pglite:' }
  expect(await run(WITH, [], env)).toEqual({ stdout: 'answer 42\n', stderr: '', status: 0 })
})

test('options for child processes in NODE_OPTIONS do no harm, even if Node refuses them for a thread', async () => {
  const source = `process.env.NODE_OPTIONS = '--title=child --no-such-option'\n${WITH}
if (process.env.NODE_OPTIONS !== '--title=child --no-such-option') throw new Error('the environment has changed')`
  expect(await run(source, [], {})).toEqual({ stdout: 'answer 42\n', stderr: '', status: 0 })
})

test("synckit's variables for other packages change nothing here", async () => {
  const env = {
    SYNCKIT_EXEC_ARGV: '--no-such-option',
    SYNCKIT_GLOBAL_SHIMS: '1',
    SYNCKIT_TIMEOUT: '1',
    SYNCKIT_TS_RUNNER: 'tsx',
  }
  expect(await run(WITH, [], env)).toEqual({ stdout: 'answer 42\n', stderr: '', status: 0 })
})

test('a hook runs in the program’s threads alone', async () => {
  const hooked = join(folder, 'hooked-alone')
  await run(WITH, [], { NODE_OPTIONS: words('--require HOOK').join(' '), HOOKED: hooked })
  expect(readFileSync(hooked, 'utf8')).toBe('hooked in main\n')
})

test('a limit of memory in NODE_OPTIONS applies to the worker', async () => {
  const worker = fileURLToPath(new URL('../../worker/fixtures/dying-worker.cjs', import.meta.url))
  const source = `import * as db from 'syncpg'
const con = db.connect(process.env.DSN)
const startedMs = performance.now()
try { con.execute('select pg_sleep(30)') } catch (error) { console.log(error.name, performance.now() - startedMs < 25_000) }`
  const env = { NODE_OPTIONS: '--max-old-space-size=64', SYNCPG_WORKER: worker, SYNCPG_TEST_DEATH: 'memory:2000' }
  expect(await run(source, [], env)).toMatchObject({ stdout: 'OperationalError true\n', status: 0 })
})
