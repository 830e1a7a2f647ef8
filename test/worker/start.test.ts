/**
 * A worker that cannot start: each cause gives an error soon, which says what to do. When the cause is gone, the next
 * connect works.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { type ScriptOptions, type ScriptRun, runScript } from '../support/run-script.ts'
import { sharedServer } from '../support/shared-server.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}.cjs`, import.meta.url))
const isLinux = process.platform === 'linux'
const PERMISSION = process.version.startsWith('v20.') ? '--experimental-permission' : '--permission'
const QUIET = ['--disable-warning=ExperimentalWarning', '--disable-warning=SecurityWarning']

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'syncpg-start-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Part of all scripts: `attempt` connects, and prints the properties of the error if that fails. */
const PRELUDE = `
import * as db from 'syncpg'
import { closeSync, cpSync, mkdirSync, openSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
const { DSN, FOLDER, ROOT } = process.env
function attempt(options = {}, dsn = DSN) {
  const startedMs = performance.now()
  try {
    const con = db.connect(dsn, options)
    console.log(JSON.stringify({ answer: con.fetchval('select 42') }))
    con.close()
  } catch (error) {
    console.log(JSON.stringify({
      isOperational: error instanceof db.OperationalError,
      message: error.message,
      hint: error.hint,
      ms: performance.now() - startedMs,
    }))
  }
}
/** Resolves when the next Worker of this thread has ended; the process stays until then. */
function nextEnd() {
  const stay = setInterval(() => {}, 1000)
  return new Promise((resolve) => {
    process.once('worker', (worker) => worker.once('exit', () => { clearInterval(stay); resolve() }))
  })
}
`

interface Report {
  readonly answer?: number
  readonly isOperational?: boolean
  readonly message?: string
  readonly hint?: string
  readonly ms?: number
}

async function run(source: string, { env = {}, ...options }: ScriptOptions = {}): Promise<Report[]> {
  const given = { DSN: sharedServer().dsn(), FOLDER: folder, ROOT: root, ...env }
  return reports(await runScript(PRELUDE + source, { ...options, env: given }))
}

/** Checks that the program printed only its reports and ended by itself. */
function reports({ stdout, stderr, status }: Pick<ScriptRun, 'stdout' | 'stderr' | 'status'>): Report[] {
  expect([stderr, status]).toEqual(['', 0])
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Report)
}

const WORKS = { answer: 42 }
const fails = (message: RegExp | string, hint: RegExp | string): object => ({
  isOperational: true,
  message: expect.stringMatching(message),
  hint: expect.stringMatching(hint),
})

describe('SYNCPG_WORKER names', () => {
  const HINT = /SYNCPG_WORKER must name the dist\/worker\.cjs/
  test.each([
    ['silent', 1000, /^the worker did not answer within 1000 ms: .*silent-worker\.cjs/],
    ['busy', 1000, /^the worker did not answer within 1000 ms: .*busy-worker\.cjs/],
    ['ending', 20_000, /^the worker did not start: .*exited with code 0.*ending-worker\.cjs/],
    ['late', 20_000, /^the worker did not start: this worker is late: /],
    ['old', 20_000, /^the worker's file belongs to another version of syncpg: .*old-worker\.cjs/],
    ['foreign', 20_000, /^the file is no worker of syncpg, or one of another version: .*foreign-worker\.cjs/],
  ])(
    'a %s worker: an error within the time limit, an end of its thread, and the next connect works',
    async (name, timeout, message) => {
      // The embedded server starts slowly, so it is tried after one that had to be ended and one that ended itself.
      const last = name === 'busy' || name === 'ending' ? 'pglite:' : sharedServer().dsn()
      const [failure, ...others] = await run(
        `const ended = nextEnd()
       attempt({ timeout: ${timeout} })
       delete process.env.SYNCPG_WORKER
       attempt()
       await ended
       attempt({}, process.env.LAST)`,
        { env: { SYNCPG_WORKER: fixture(`${name}-worker`), LAST: last } },
      )
      expect(failure).toMatchObject(fails(message, HINT))
      expect(failure!.ms).toBeLessThan(10_000)
      expect(others).toEqual([WORKS, WORKS])
    },
  )

  test('a folder, a TypeScript file or a file that does not exist: connect says what to do', async () => {
    writeFileSync(join(folder, 'worker.ts'), '')
    cpSync(join(root, 'node_modules', 'synckit'), join(folder, 'node_modules', 'synckit'), { recursive: true })
    for (const name of ['@pkgr', '@dual-bundle']) {
      cpSync(join(root, 'node_modules', name), join(folder, 'node_modules', name), { recursive: true })
    }
    const source = `
for (const path of [FOLDER, join(FOLDER, 'worker.ts'), join(FOLDER, 'nothing.cjs'), '']) {
  process.env.SYNCPG_WORKER = path
  attempt({ timeout: 10_000 })
}`
    const nodeOptions = ['--disable-warning=ExperimentalWarning']
    const [directory, typescript, missing, empty] = await run(source, { nodeOptions })
    expect(directory).toMatchObject({ isOperational: true })
    expect(typescript).toMatchObject({ isOperational: true, hint: expect.stringMatching(HINT) as string })
    expect(missing).toMatchObject(fails(/^the worker's file is missing: /, 'SYNCPG_WORKER'))
    expect(empty).toEqual(WORKS)
  })

  test('several wrong files in several threads: each thread gets its own error, and a thread without the variable works', async () => {
    const worker = `
import { parentPort, workerData } from 'node:worker_threads'
${PRELUDE}
process.env.SYNCPG_WORKER = workerData
// Only the worker that does not answer needs the whole time limit, so only it gets a short one.
const timeout = workerData.includes('silent') ? 2000 : 20_000
console.log = (line) => parentPort.postMessage(line)
attempt({ timeout })
process.env.SYNCPG_WORKER = ''
attempt()`
    const path = join(root, 'test', 'worker', `start-${process.pid}.mjs`)
    writeFileSync(path, worker)
    try {
      const names = ['silent', 'old', 'ending'].map((name) => fixture(`${name}-worker`))
      const found = await run(
        `for (const workerData of [...${JSON.stringify(names)}, '']) {
           new Worker(${JSON.stringify(path)}, { workerData, execArgv: [] }).on('message', (line) => console.log(line))
         }
         attempt()`,
      )
      expect(found).toHaveLength(9)
      expect(found.filter(({ answer }) => answer === 42)).toHaveLength(6)
      const messages = found.flatMap(({ message = [] }) => message).toSorted()
      expect(messages).toEqual([
        expect.stringMatching(/^the worker did not answer within 2000 ms/),
        expect.stringMatching(/^the worker did not start/),
        expect.stringMatching(/^the worker's file belongs to another version/),
      ])
    } finally {
      rmSync(path)
    }
  })
})

describe('the package synckit', () => {
  const install = (): string => {
    const path = join(folder, 'worker.cjs')
    cpSync(join(root, 'dist', 'worker.cjs'), path)
    return path
  }
  const synckit = (code: string): void => {
    const place = join(folder, 'node_modules', 'synckit')
    mkdirSync(place, { recursive: true })
    writeFileSync(join(place, 'package.json'), '{"name":"synckit","main":"index.cjs"}')
    writeFileSync(join(place, 'index.cjs'), code)
  }

  test('is missing, then installed', async () => {
    const source = `attempt()\nsymlinkSync(join(ROOT, 'node_modules'), join(FOLDER, 'node_modules'))\nattempt()`
    const [failure, later] = await run(source, { env: { SYNCPG_WORKER: install() } })
    expect(failure).toMatchObject(fails(/^the package synckit is not installed beside .*worker\.cjs/, 'npm install'))
    expect(later).toEqual(WORKS)
  })

  test.each([
    [
      'cannot be loaded',
      "require('./lost.cjs')",
      /^the package synckit beside .* cannot be loaded: Cannot find module '\.\/lost/,
    ],
    ['is no code', '{', /^the package synckit beside .* cannot be loaded: Unexpected/],
    [
      'is of another version',
      'exports.createSyncFn = () => {}',
      /^the package synckit beside .* is of another version/,
    ],
  ])('%s', async (_, code, message) => {
    synckit(code)
    const [failure] = await run('attempt()', { env: { SYNCPG_WORKER: install() } })
    expect(failure).toMatchObject(fails(message, 'npm install'))
  })
})

describe('Node’s permission model', () => {
  const BOTH = `attempt()\nattempt({}, 'pglite:')`
  const withPermission = (...allowed: string[]): ScriptOptions => ({ nodeOptions: [PERMISSION, ...QUIET, ...allowed] })

  test('without --allow-worker', async () => {
    const failure = fails(
      /^the worker thread cannot start: Node's permission model forbids worker threads/,
      /^run node with --allow-worker$/,
    )
    const found = await run(BOTH, withPermission('--allow-fs-read=*'))
    expect(found).toEqual([expect.objectContaining(failure), expect.objectContaining(failure)])
  })

  test('without permission to read the packages', async () => {
    const found = await run(
      BOTH,
      withPermission(
        '--allow-worker',
        `--allow-fs-read=${join(root, 'dist', '*')}`,
        `--allow-fs-read=${join(root, 'package.json')}`,
      ),
    )
    for (const each of found) {
      expect(each).toMatchObject(
        fails(
          /^the package synckit cannot be loaded: Node's permission model forbids reading .*synckit/,
          /^run node with --allow-fs-read=.*node_modules[\\/]\*$/,
        ),
      )
    }
    expect(found).toHaveLength(2)
  })

  test("with permission to read only the package's folder: both kinds of database work, and the home directory is not read", async () => {
    const found = await run(BOTH, withPermission('--allow-worker', `--allow-fs-read=${join(root, '*')}`))
    expect(found).toEqual([WORKS, WORKS])
  })

  test.runIf(isLinux)(
    "a worker that the kernel's list does not show is not reported as dead while it is busy",
    async () => {
      // PGlite blocks the worker's event loop for longer than the worker may be without a heartbeat.
      const source = `
const con = db.connect('pglite:')
// The query waits by the server's clock, so it takes the same time on each machine.
const text = "do $$ declare t timestamptz := clock_timestamp() + '2.5 s'; begin while clock_timestamp() < t loop end loop; end $$"
con.execute(text)
console.log(JSON.stringify({ answer: con.fetchval('select 42') }))
con.close()`
      expect(await run(source, withPermission('--allow-worker', `--allow-fs-read=${join(root, '*')}`))).toEqual([WORKS])
    },
  )

  test('sslmode=require fails without permission to look for root.crt, because the connection would verify less', async () => {
    const source = `attempt({ sslmode: 'require' })`
    const [failure] = await run(source, withPermission('--allow-worker', `--allow-fs-read=${join(root, '*')}`))
    expect(failure).toMatchObject(
      fails(
        /^TLS cannot be set up: Node's permission model forbids reading .*root\.crt/,
        /^run node with --allow-fs-read=.*\.postgresql[\\/]\*$/,
      ),
    )
  })
})

describe.runIf(isLinux)('a limit of the system', () => {
  /** Runs a script under a limit of the shell. Not every `sh` has a limit on threads. */
  function underLimit(limit: string, source: string, uid?: number): Report[] {
    const args = [
      '-c',
      `ulimit ${limit}; exec "$0" --input-type=module --eval "$1"`,
      process.execPath,
      PRELUDE + source,
    ]
    const env = {
      ...process.env,
      NODE_OPTIONS: '',
      HOME: folder,
      DSN: sharedServer().dsn(),
      FOLDER: folder,
      ROOT: root,
    }
    const who = uid === undefined ? {} : { uid, gid: uid }
    return reports(spawnSync('bash', args, { cwd: root, env, encoding: 'utf8', timeout: 30_000, ...who }))
  }

  test('on open files is an error for each missing file, ends no process, and connecting works when files are closed', () => {
    const found = underLimit(
      '-n 64',
      `const open = []
       try { for (;;) open.push(openSync(process.execPath)) } catch {}
       for (let free = 1; free <= 12; free++) {
         closeSync(open.pop())
         attempt({}, 'pglite:')
       }
       for (const each of open) closeSync(each)
       // The events of the ended threads come now.
       await new Promise((resolve) => new Worker('', { eval: true, execArgv: [] }).on('exit', resolve))
       attempt()`,
    )
    const later = found.pop()
    expect(found).toHaveLength(12)
    // It depends on Node how many files are enough, so the last attempt may work.
    for (const [index, each] of found.entries()) {
      if (index > 5 && each.answer === 42) continue
      expect(each).toMatchObject({
        isOperational: true,
        message: expect.stringMatching(/too many .*open|EMFILE/) as string,
      })
      expect(each.ms).toBeLessThan(10_000)
    }
    expect(later).toEqual(WORKS)
  })

  /**
   * A user id without processes, because a limit on threads counts all threads of a user, and does not apply to root.
   */
  const NOBODY = 54_321
  const canBeNobody =
    process.getuid?.() === 0 && spawnSync('ls', [join(root, 'dist')], { uid: NOBODY, gid: NOBODY }).status === 0

  test.runIf(canBeNobody)('on threads is an error at once, and connecting works when a thread has ended', () => {
    const [failure, embedded, later] = underLimit(
      '-u 26',
      `const idle = []
       const start = () => new Promise((resolve) => {
         const worker = new Worker('require("node:worker_threads").parentPort.on("message", () => {})', { eval: true, execArgv: [] })
         worker.on('online', () => resolve(worker))
       })
       try { for (;;) idle.push(await start()) } catch {}
       attempt()
       attempt({}, 'pglite:')
       await Promise.all(idle.map((worker) => worker.terminate()))
       attempt()`,
      NOBODY,
    )
    const expected = fails(
      /^the worker thread cannot start: the system refuses to create a thread/,
      /ulimit -u, pids\.max/,
    )
    expect([failure, embedded]).toEqual([expect.objectContaining(expected), expect.objectContaining(expected)])
    expect(later).toEqual(WORKS)
  })
})

test('node --frozen-intrinsics, which freezes Error, can have connections and notices', async () => {
  const source = `
attempt()
const con = db.connect(DSN)
con.addNoticeListener((notice) => console.log(JSON.stringify({ message: notice.stack })))
con.execute("do $$ begin raise notice 'heard'; end $$")
con.close()`
  const reported = { message: 'PostgresLogMessage: heard' }
  expect(await run(source, { nodeOptions: ['--frozen-intrinsics', ...QUIET] })).toEqual([WORKS, reported])
})

describe('a Worker with little memory', () => {
  test('can have connections', async () => {
    const path = join(folder, 'caller.mjs')
    writeFileSync(
      path,
      `import { createRequire } from 'node:module'
const db = createRequire(process.env.ROOT + '/x.js')('syncpg')
const con = db.connect(process.env.DSN)
console.log(JSON.stringify({ answer: con.fetchval('select 42') }))
con.close()`,
    )
    const source = `
const resourceLimits = { maxOldGenerationSizeMb: 24, maxYoungGenerationSizeMb: 4, stackSizeMb: 1 }
new Worker(join(FOLDER, 'caller.mjs'), { resourceLimits, execArgv: [] })`
    expect(await run(source, { nodeOptions: ['--disable-warning=ExperimentalWarning'] })).toEqual([WORKS])
  })
})
