/** The operations through the worker: a blocking session has all operations of a session. */
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { QueryTimeoutError } from '../../../src-async/errors/client-errors.ts'
import type { SessionOptions } from '../../../src-async/options/session-options.ts'
import { BlockingSession } from '../../../worker/caller/blocking-session.ts'
import { sharedServer } from '../../support/shared-server.ts'
import { ignoreEvents, executing, noBind, optionsFor, plain, TextSink } from './support.ts'

// The worker is the built one, because not every Node can start a worker from TypeScript.
process.env['SYNCPG_WORKER'] ??= fileURLToPath(new URL('../../../dist/worker.cjs', import.meta.url))

const server = sharedServer()

function open(heard: string[] = [], options: SessionOptions = optionsFor(server)): BlockingSession {
  const events = { ...ignoreEvents, notification: ({ payload }: { payload: string }) => void heard.push(payload) }
  const session = new BlockingSession(options, events, { ringBytes: 4096, isInterruptible: false })
  session.handOut()
  onTestFinished(() => void session.close({ timeoutMs: 1000 }))
  return session
}

function run(session: BlockingSession, sql: string): TextSink {
  const results = new TextSink()
  session.simpleQuery({ ...plain, sql, results })
  return results
}

test('a portal is read in parts and to its end', () => {
  const session = open()
  const rows = new TextSink()
  const parse = { sql: 'select generate_series(1, 5)', parameterTypes: [] }
  const first = { ...plain, begin: 'begin', portal: 'p', open: { name: '', parse, bind: noBind }, rowLimit: 2, rows }
  expect(session.fetchPortal(first)).toEqual({ tag: null })
  const rest = { ...plain, portal: 'p', open: null, rowLimit: 0, rows }
  expect([session.fetchPortal(rest), rows.rows.flat()]).toEqual([{ tag: 'SELECT 3' }, ['1', '2', '3', '4', '5']])
  session.closePortal({ portal: 'p', timeoutMs: 0 })
  session.closeStatements({ names: ['s'], timeoutMs: 0 })
  expect(session.transactionStatus).toBe('T')
})

test('COPY out is read to its end, or given up', () => {
  const session = open()
  const sql = 'copy (select generate_series(1, 200000)) to stdout'
  const parts: Buffer[] = []
  const data = {
    take: (bytes: Uint8Array, start: number, end: number) => void parts.push(Buffer.from(bytes.subarray(start, end))),
  }
  expect(session.copyOutStart({ ...plain, sql })).toEqual({ columnFormats: [0] })
  let tag: string | null = null
  while (tag === null) ({ tag } = session.copyOutRead({ data, maxBytes: 100_000 }))
  expect(tag).toBe('COPY 200000')
  expect(Buffer.concat(parts).toString()).toBe(Array.from({ length: 200_000 }, (_, i) => `${i + 1}\n`).join(''))
  session.copyOutStart({ ...plain, sql })
  session.copyOutRead({ data, maxBytes: 1 })
  session.copyOutEnd({})
  expect(run(session, 'select 1').rows).toEqual([['1']])
})

test('a time limit', () => {
  const session = open()
  expect(() => session.execute(executing('select pg_sleep(30)', { timeoutMs: 30 }))).toThrow(QueryTimeoutError)
  expect(() =>
    session.simpleQuery({ ...plain, timeoutMs: 30, sql: 'select pg_sleep(30)', results: new TextSink() }),
  ).toThrow(QueryTimeoutError)
  expect(run(session, 'select 1').rows).toEqual([['1']])
})

test('waiting for a notification', () => {
  const heard: string[] = []
  const session = open(heard)
  run(session, 'listen channelled')
  expect(session.awaitNotification({ timeoutMs: 0 })).toEqual({ arrived: false })
  expect(session.awaitNotification({ timeoutMs: 20 })).toEqual({ arrived: false })
  const other = open()
  run(other, "notify channelled, 'p'")
  expect([session.awaitNotification({ timeoutMs: 10_000 }), heard]).toEqual([{ arrived: true }, ['p']])
})

test('a statement within a COPY is refused, because its turn would never come', () => {
  const session = open()
  run(session, 'create temp table t (a int)')
  const copies = [
    () => session.copyOutStart({ ...plain, sql: 'copy (select generate_series(1, 200000)) to stdout' }),
    () => session.copyInStart({ ...plain, sql: 'copy t from stdin' }),
  ]
  const ends = [() => session.copyOutEnd({}), () => session.copyInEnd({ failure: null })]
  for (const [index, start] of copies.entries()) {
    start()
    expect(() => session.execute(executing('select 1'))).toThrow(/a COPY is in progress/)
    ends[index]!()
    expect(run(session, 'select 1').rows).toEqual([['1']])
  }
})
