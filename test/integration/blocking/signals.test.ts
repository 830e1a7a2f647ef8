/**
 * SIGINT and the listeners of the program: a signal that arrives during a blocking call reaches the program's listener
 * after the call, and never kills the program. `SYNCPG_TEST_NODE` names another Node to try.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { afterEach, beforeEach, expect, test } from 'vitest'

import { askServer, sharedServer } from '../../support/shared-server.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const node = process.env['SYNCPG_TEST_NODE'] ?? process.execPath

let folder: string
let program: ChildProcess | null = null

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'syncpg-signals-'))
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(root, join(folder, 'node_modules', 'syncpg'))
})
afterEach(() => {
  program?.kill('SIGKILL')
  program = null
  rmSync(folder, { recursive: true })
})

interface Program {
  /** The next line that the program prints; after the last line, how it ended: `exit 0`, `SIGINT`. */
  readonly line: () => Promise<string>
  readonly interrupt: () => void
}

const application = (): string => `signals ${process.pid} ${folder.slice(-6)}`

const dsn = (): string => sharedServer().dsn({ transport: 'unix', parameters: { application_name: application() } })

function start(command: string, args: readonly string[]): Program {
  const env = { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1', DSN: dsn() }
  const child = spawn(command, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] })
  program = child
  const ended = new Promise<string>((resolve) => {
    child.on('close', (status, signal) => resolve(signal ?? `exit ${status}`))
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    line: async () => {
      const next = await lines.next()
      return next.done === true ? ended : next.value
    },
    interrupt: () => void child.kill('SIGINT'),
  }
}

/** Runs the text of a module that has `con` and prints its lines without the event loop. */
function startScript(body: string, options = '{ autocommit: true }'): Program {
  const path = join(folder, 'program.mjs')
  const text = `
import { writeSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import * as db from 'syncpg'
const say = (text) => void writeSync(1, text + '\\n')
const con = db.connect(process.env.DSN, ${options})
${body}
`
  writeFileSync(path, text)
  return start(node, [path])
}

/**
 * Resolves 300 ms after the program's session has begun to run a statement. By then a wait that is long enough is armed
 * for Ctrl-C.
 */
async function waitsForStatement(): Promise<void> {
  const sql = `select 1 from pg_stat_activity where application_name = $1 and state = 'active'
    and query_start < clock_timestamp() - interval '0.3 s'`
  await expect.poll(() => askServer(sharedServer(), sql, [application()]), { timeout: 15_000 }).not.toEqual([])
}

test.each([
  ['added with on', `process.on('SIGINT', () => say('heard'))`, undefined],
  ['added with once', `const add = () => process.once('SIGINT', () => { add(); say('heard') }); add()`, undefined],
  ['beside interrupt: none', `process.on('SIGINT', () => say('heard'))`, `{ autocommit: true, interrupt: 'none' }`],
])('a SIGINT listener %s gets every signal, at any moment of a wait', async (_, listen, options) => {
  const it = startScript(
    `
${listen}
say('ready')
for (let i = 0; ; i++) {
  con.execute('select pg_sleep(%s)', [[0.001, 0.015, 0.05, 0.3][i % 4]])
  await setImmediate()
}`,
    options,
  )
  expect(await it.line()).toBe('ready')
  for (let i = 0; i < 30; i++) {
    // The moments are random: a signal may arrive before a wait is armed, while it is, or between two waits.
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 60))
    it.interrupt()
    expect(await it.line()).toBe('heard')
  }
})

test('a SIGINT listener that a notice listener adds during a wait gets the signal, and the statement continues', async () => {
  const it = startScript(`
con.addNoticeListener(() => {
  process.once('SIGINT', () => say('heard'))
  say('added')
})
con.execute("do $$ begin perform pg_sleep(0.5); raise notice 'now'; perform pg_sleep(0.5); end $$")
say('ended')
await setImmediate()
await setImmediate()
`)
  expect(await it.line()).toBe('added')
  it.interrupt()
  expect([await it.line(), await it.line(), await it.line()]).toEqual(['ended', 'heard', 'exit 0'])
})

test('without a listener, or after its removal, the signal ends the statement', async () => {
  const it = startScript(`
const listener = () => say('heard')
for (const step of [() => {}, () => process.on('SIGINT', listener).off('SIGINT', listener)]) {
  step()
  try { con.execute('select pg_sleep(60)') } catch (error) { say(error.name + ' ' + error.interrupted) }
}
`)
  for (let i = 0; i < 2; i++) {
    await waitsForStatement()
    it.interrupt()
    expect(await it.line()).toBe('QueryCanceledError true')
  }
  expect(await it.line()).toBe('exit 0')
})

test('under the tsx command, which has a hidden listener, a listener that is added after a wait gets the signal', async () => {
  // tsx adds its listener when its own connection is made, some turns of the event loop after the start.
  const path = join(folder, 'program.mts')
  const text = `
import { setTimeout } from 'node:timers/promises'
import * as db from 'syncpg'
while (process.rawListeners('SIGINT').length === 0) await setTimeout(10)
const con = db.connect(process.env.DSN!, { autocommit: true })
con.execute('select pg_sleep(0.2)')
const heard = new Promise((resolve) => process.on('SIGINT', resolve))
process.kill(process.pid, 'SIGINT')
con.execute('select pg_sleep(0.2)')
// A signal listener alone does not keep Node running.
const alive = setInterval(() => {}, 1000)
console.log('heard', await heard)
clearInterval(alive)
`
  writeFileSync(path, text)
  const it = start(join(root, 'node_modules', '.bin', 'tsx'), [path])
  expect([await it.line(), await it.line()]).toEqual(['heard SIGINT', 'exit 0'])
})

test('a SIGINT listener of the main thread cancels the statement of a worker thread, as the guide shows', async () => {
  const source = readFileSync(join(root, 'docs', 'examples', 'cancel-on-signal.mjs'), 'utf8')
  expect(readFileSync(join(root, 'docs', 'guides', 'waiting.md'), 'utf8')).toContain(source)
  const it = start(node, [join(root, 'docs', 'examples', 'cancel-on-signal.mjs'), dsn()])
  await waitsForStatement()
  it.interrupt()
  expect([await it.line(), await it.line()]).toEqual(['The statement was canceled; the next one answers 42', 'exit 0'])
})
