/**
 * Ctrl-C in a terminal: the key, not the signal. The line discipline of a pseudo-terminal turns it into a SIGINT for
 * all processes in the foreground, or passes it to a program that reads raw keys, as Node's REPL does.
 * `SYNCPG_TEST_NODE` names another Node to test.
 */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { askServer, sharedServer } from '../../support/shared-server.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const node = process.env['SYNCPG_TEST_NODE'] ?? process.execPath
const CTRL_C = '\x03'

/** The program `script` of util-linux makes the pseudo-terminal. That of the BSDs takes other options. */
const hasTerminal = ((): boolean => {
  try {
    return execFileSync('script', ['--version'], { encoding: 'utf8' }).includes('util-linux')
  } catch {
    return false
  }
})()

class Terminal {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #ended: Promise<void>
  #waiting: (() => void) | null = null
  /** Everything printed, without escape sequences. */
  text = ''

  constructor(command: string, env: Record<string, string>) {
    this.#child = spawn('script', ['-qfec', command, '/dev/null'], {
      cwd: root,
      env: { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1', TERM: 'dumb', NODE_REPL_HISTORY: '', ...env },
    })
    this.#child.stdout.on('data', (bytes: Buffer) => {
      this.text += stripVTControlCharacters(bytes.toString()).replaceAll('\r', '')
      this.#waiting?.()
    })
    this.#ended = new Promise((resolve) => {
      this.#child.on('close', () => resolve())
    })
  }

  type(keys: string): void {
    this.#child.stdin.write(keys)
  }

  /** Resolves when the words have been printed, after the words for which the test waited before. */
  async see(words: string): Promise<void> {
    const deadlineMs = performance.now() + 15_000
    for (;;) {
      const at = this.text.indexOf(words, this.#seen)
      if (at >= 0) {
        this.#seen = at + words.length
        return
      }
      const leftMs = deadlineMs - performance.now()
      if (leftMs <= 0) throw new Error(`never saw ${JSON.stringify(words)}; saw:\n${this.text}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs)
        this.#waiting = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  ended(): Promise<void> {
    return this.#ended
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  #seen = 0
}

let folder: string
let terminal: Terminal | null = null

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'syncpg-terminal-'))
})
afterEach(() => {
  terminal?.kill()
  terminal = null
  rmSync(folder, { recursive: true })
})

const application = (): string => `ctrl-c ${process.pid} ${folder.slice(-6)}`

const environment = (): Record<string, string> => ({
  DSN: sharedServer().dsn({ transport: 'unix', parameters: { application_name: application() } }),
})

/** Resolves when the program's session runs a statement, or no longer runs one. */
async function backend(state: 'active' | 'quiet'): Promise<void> {
  const sql = `select count(*)::int as n from pg_stat_activity where application_name = $1 and state = 'active'
    and query_start < clock_timestamp() - interval '0.3 s'`
  const deadlineMs = performance.now() + 15_000
  for (;;) {
    const [row] = await askServer<{ n: number }>(sharedServer(), sql, [application()])
    if ((row?.n ?? 0) > 0 === (state === 'active')) return
    if (performance.now() > deadlineMs)
      throw new Error(`the backend never was ${state}; the terminal:\n${terminal?.text}`)
  }
}

/** Runs a script in a terminal, as if it were in the package's folder, so that `syncpg` is the built package. */
function start(script: string): Terminal {
  const path = join(folder, 'script.mjs')
  const url = JSON.stringify(new URL('dist/index.js', `file://${root}`).href)
  writeFileSync(path, script.replace(`'syncpg'`, url))
  terminal = new Terminal(`'${node}' '${path}'`, environment())
  return terminal
}

async function startRepl(): Promise<Terminal> {
  terminal = new Terminal(`'${node}'`, environment())
  await terminal.see('> ')
  terminal.type("const db = await import('syncpg'); const con = db.connect(process.env.DSN, { autocommit: true })\n")
  await terminal.see('undefined\n> ')
  return terminal
}

describe.skipIf(!hasTerminal)('Ctrl-C in a script', () => {
  const SCRIPT = `
import * as db from 'syncpg'
const con = db.connect(process.env.DSN, { autocommit: true })
function wait() {
  con.execute('select pg_sleep(60)')
}
`

  test("ends the statement with a QueryCanceledError of the caller's line, and the session stays usable", async () => {
    const it = start(`${SCRIPT}
try { wait() } catch (error) {
  console.log(error.name, error.interrupted, error.stack.split('\\n').find((line) => /^ +at /.test(line)))
} finally { console.log('finally') }
console.log('answer', con.fetchval('select 42'))
`)
    await backend('active')
    it.type(CTRL_C)
    await it.see('QueryCanceledError true')
    await it.see('script.mjs:5:7')
    await it.see('finally')
    await it.see('answer 42')
    await it.ended()
  })

  test('ends the script like any error that is not caught: finally runs, and the server process ends', async () => {
    const it = start(`${SCRIPT}
process.on('exit', (code) => console.log('exit', code))
try { wait() } finally { console.log('finally') }
`)
    await backend('active')
    it.type(CTRL_C)
    await it.ended()
    await backend('quiet')
    expect(it.text).toMatch(/finally[^]*exit 1[^]*script\.mjs:5[^]*QueryCanceledError: canceling statement/)
  })

  test('cancels executemany, a COPY, a stream and a wait for notifications too', async () => {
    const it = start(`${SCRIPT}
con.execute('create temporary table t (a text)')
const sleepy = "select pg_sleep(60)"
const calls = {
  many: () => con.executemany('select pg_sleep(%s)', [[60]]),
  copy: () => con.copyFromQuery('select pg_sleep(60)', null, { output: () => {} }),
  stream: () => con.transaction(() => [...con.cursor().stream('select pg_sleep(60)')]),
  notifies: () => [...con.notifies()],
}
for (const [name, call] of Object.entries(calls)) {
  console.log('begin', name)
  try { call() } catch (error) { console.log('end', name, error.name, error.interrupted) }
  console.log(name, 'then', con.fetchval('select %s::text', [name]))
}
`)
    for (const name of ['many', 'copy', 'stream', 'notifies']) {
      await it.see(`begin ${name}`)
      if (name === 'notifies') await new Promise((resolve) => setTimeout(resolve, 600))
      else await backend('active')
      it.type(CTRL_C)
      await it.see(`end ${name} QueryCanceledError true`)
      await it.see(`${name} then ${name}`)
    }
    await it.ended()
  })

  test('ends even a wait of a few hundredths of a second', async (context) => {
    // On a busy machine the key may come late, or the script may be delayed, so the test tries several times.
    const waitedMs: number[] = []
    for (let attempt = 0; attempt < 10 && !waitedMs.some((ms) => ms < 95); attempt++) {
      const it = start(`
import * as db from 'syncpg'
const con = db.connect(process.env.DSN, { autocommit: true })
for (let i = 0; i < 5; i++) con.execute('select pg_sleep(%s)', [0.03])
console.log('now')
const startedMs = performance.now()
try { con.execute('select pg_sleep(%s)', [60]) } catch (error) { console.log(error.name, Math.round(performance.now() - startedMs)) }
`)
      await it.see('now')
      await new Promise((resolve) => setTimeout(resolve, 30))
      it.type(CTRL_C)
      await it.ended()
      waitedMs.push(Number(/QueryCanceledError (\d+)/.exec(it.text)?.[1] ?? Number.NaN))
    }
    if (waitedMs.every((ms) => ms >= 95)) context.skip('the machine is too slow for a short wait')
    expect(waitedMs.at(-1)).toBeLessThan(95)
  })

  test('with interrupt: none only Node handles it', async () => {
    const it = start(`
import * as db from 'syncpg'
const con = db.connect(process.env.DSN, { autocommit: true, interrupt: 'none' })
try { con.execute('select pg_sleep(3)') } finally { console.log('finally') }
`)
    await backend('active')
    it.type(CTRL_C)
    await it.ended()
    expect(it.text).not.toContain('finally')
  })
})

describe.skipIf(!hasTerminal)('Ctrl-C in Node’s REPL', () => {
  test('ends the statement, and the session stays usable', async () => {
    const it = await startRepl()
    it.type("con.execute('select pg_sleep(60)')\n")
    await backend('active')
    it.type(CTRL_C)
    await it.see('Uncaught')
    await it.see('QueryCanceledError')
    await it.see('> ')
    it.type("'answer ' + con.fetchval('select 42')\n")
    await it.see("'answer 42'")
    it.type('.exit\n')
    await it.ended()
  })

  test('interrupts a call in the middle, and the next call gets its own answer', async () => {
    const it = await startRepl()
    // Each wait is too short to be armed, so the key reaches the REPL's own watchdog, which unwinds the stack.
    it.type("let n = 0; console.log('looping'); for (;;) con.fetchval('select %s::int, pg_sleep(0.004)', [n++])\n")
    await it.see('looping')
    await new Promise((resolve) => setTimeout(resolve, 400))
    it.type(CTRL_C)
    await it.see('interrupted')
    await it.see('> ')
    for (const answer of [-1, -2, -3]) {
      it.type(`'answer ' + con.fetchval('select %s::int', [${answer}])\n`)
      await it.see(`'answer ${answer}'`)
    }
    it.type('.exit\n')
    await it.ended()
  })

  test('with two connections open leaves both usable, and a third one opens', async () => {
    const it = await startRepl()
    it.type("const other = db.connect(process.env.DSN, { autocommit: true }); 'open'\n")
    await it.see("'open'")
    const loops = [
      ["con.fetchval('select 1')", 'other', 'con'],
      ["other.fetchval('select %s::int', [1])", 'con', 'other'],
      ["con.fetchval('select 1'); other.fetchval('select 2')", 'other', 'con'],
      ["con.fetchval('select pg_sleep(0.004)::text')", 'other', 'con'],
    ] as const
    for (const [index, [call, first, second]] of loops.entries()) {
      it.type(`console.log('looping ' + ${index}); for (;;) { ${call} }\n`)
      await it.see(`looping ${index}\n`)
      await new Promise((resolve) => setTimeout(resolve, 300))
      it.type(CTRL_C)
      await it.see('Uncaught')
      await it.see('> ')
      const third = 'db.withConnection(process.env.DSN, {}, (third) => third.fetchval("select 3"))'
      it.type(
        `'answers ' + [${first}.fetchval('select 1${index}'), ${third}, ${second}.fetchval('select 2${index}')]\n`,
      )
      await it.see(`'answers 1${index},3,2${index}'`)
    }
    it.type('.exit\n')
    await it.ended()
  })

  test('inside transaction(fn), a batch or a COPY leaves the connection usable', async () => {
    const it = await startRepl()
    const torn = [
      "con.transaction(() => { for (;;) con.fetchval('select pg_sleep(0.004)::text') })",
      "con.transaction(() => con.cursor().copy('copy pg_temp.t from stdin', (copy) => { for (;;) copy.write('x\\n') }))",
      "con.copyRecordsToTable('t', { schema: 'pg_temp', records: (function* () { for (;;) yield ['x'] })() })",
      "con.executemany('insert into pg_temp.t values (%s)', (function* () { for (;;) yield ['x'] })())",
    ]
    it.type("con.execute('create temporary table t (a text)').statusmessage\n")
    await it.see("'CREATE TABLE'")
    for (const call of torn) {
      it.type(`console.log('looping'); ${call}\n`)
      await it.see('looping\n')
      await new Promise((resolve) => setTimeout(resolve, 400))
      it.type(CTRL_C)
      await it.see('Uncaught')
      await it.see('> ')
      it.type("con.rollback(); 'answer ' + con.fetchval('select count(*) from pg_temp.t')\n")
      await it.see("'answer 0'")
    }
    it.type('.exit\n')
    await it.ended()
  })
})
