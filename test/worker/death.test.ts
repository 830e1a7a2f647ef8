/** The error that the main thread gets, and how soon, when the worker that it waits for dies or never starts. */
import { fileURLToPath } from 'node:url'

import { describe, expect, test } from 'vitest'

import { runScript } from '../support/run-script.ts'
import { sharedServer } from '../support/shared-server.ts'

const DYING_WORKER = fileURLToPath(new URL('fixtures/dying-worker.cjs', import.meta.url))

/** Waits in a statement for a worker that dies, then connects again with a healthy one. */
const SCRIPT = `
import * as db from 'syncpg'
const con = db.connect(process.env.DSN)
delete process.env.SYNCPG_WORKER
const started = performance.now()
try {
  con.execute('select pg_sleep(30)')
  console.log('no error')
} catch (error) {
  console.log(JSON.stringify({
    isOperational: error instanceof db.OperationalError,
    message: error.message,
    stack: error.stack.split('\\n')[1],
    ms: performance.now() - started,
    closed: con.closed,
  }))
}
const again = db.connect(process.env.DSN)
console.log(again.execute('select 42').fetchone()[0])
`

describe('a worker that dies while a statement runs', () => {
  test.each([
    ['throw', 'a bug struck the worker', 2000],
    ['exit', 'exited with code 7', 2000],
  ])('by %s is an OperationalError at once, and the next connection has a new worker', async (how, words, limitMs) => {
    const run = await runScript(SCRIPT, {
      env: { DSN: sharedServer().dsn(), SYNCPG_WORKER: DYING_WORKER, SYNCPG_TEST_DEATH: `${how}:700` },
    })
    const [report = '', next] = run.stdout.split('\n')
    const told = JSON.parse(report) as Record<string, unknown>
    expect(told).toMatchObject({ isOperational: true, closed: true })
    expect(told['message']).toContain(words)
    expect(told['message']).not.toContain('\n')
    expect(told['stack']).toContain('[eval1]:7:7')
    expect(told['ms']).toBeLessThan(limitMs)
    expect([next, run.status]).toEqual(['42', 0])
  })

  test('by running out of memory is an OperationalError within bounded time', async () => {
    const run = await runScript(SCRIPT, {
      // The worker inherits the limit of the heap. Filling the heap takes most of the test's time.
      nodeOptions: ['--max-old-space-size=64'],
      env: { DSN: sharedServer().dsn(), SYNCPG_WORKER: DYING_WORKER, SYNCPG_TEST_DEATH: 'memory:2000' },
    })
    const [report = '', next] = run.stdout.split('\n')
    expect(JSON.parse(report)).toMatchObject({ isOperational: true, closed: true })
    expect([next, run.status]).toEqual(['42', 0])
  })
})

describe('a worker that does not start', () => {
  test('because its file is missing says what to do', async () => {
    const run = await runScript(
      `import * as db from 'syncpg'
       try { db.connect('pglite:') } catch (error) { console.log(error.name + ': ' + error.message) }`,
      { env: { SYNCPG_WORKER: '/nowhere/worker.cjs' } },
    )
    expect(run.stdout).toMatch(
      /^OperationalError: the worker's file is missing: \/nowhere\/worker\.cjs\nHINT: .*SYNCPG_WORKER/,
    )
    expect(run.status).toBe(0)
  })

  test('because it throws while loading is an OperationalError with its message', async () => {
    const fixture = fileURLToPath(new URL('fixtures/broken-worker.cjs', import.meta.url))
    const run = await runScript(
      `import * as db from 'syncpg'
       try { db.connect('pglite:') } catch (error) { console.log(error.name + ': ' + error.message) }`,
      { env: { SYNCPG_WORKER: fixture } },
    )
    expect(run.stdout).toMatch(/^OperationalError: .*this worker is broken/)
    expect(run.elapsedMs).toBeLessThan(10_000)
    expect(run.status).toBe(0)
  })
})

test('a time limit ends a call while an endless embedded statement occupies the worker, and the next connection has a new worker', async () => {
  const run = await runScript(
    `import * as db from 'syncpg'
     const con = db.connect('pglite:', { autocommit: true })
     const endless = 'with recursive t(n) as (select 1 union all select n + 1 from t) select count(*) from t'
     const startedMs = performance.now()
     try { con.execute(endless, null, { timeout: 200 }) } catch (error) { console.log(error.name, con.closed) }
     console.log(performance.now() - startedMs < 15_000)
     console.log(db.connect('pglite:', { autocommit: true }).fetchval('select 42'))
     process.exit(0)`,
    { timeoutMs: 35_000 },
  )
  expect([run.stdout, run.stderr, run.status]).toEqual(['OperationalError true\ntrue\n42\n', '', 0])
})
