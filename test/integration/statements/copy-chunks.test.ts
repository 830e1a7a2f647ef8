/**
 * Small chunks of a COPY FROM STDIN are sent together, in both APIs: one message for each line costs more than an INSERT.
 * A relay in a thread of its own counts the bytes to the server, of which each message has five more than its chunk.
 */
import { Worker } from 'node:worker_threads'
import * as db from 'syncpg'
import * as async from 'syncpg/async'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import { failureOf, failureOfAsync } from '../../support/failure-of.ts'
import { sharedServer } from '../../support/shared-server.ts'

const RELAY = `
  const { workerData: { counted, host, port } } = require('node:worker_threads')
  const net = require('node:net')
  const relay = net.createServer((client) => {
    const upstream = net.connect(port, host)
    client.on('data', (chunk) => {
      Atomics.add(counted, 0, chunk.length)
      upstream.write(chunk)
    })
    upstream.on('data', (chunk) => client.write(chunk))
    client.on('error', () => {}).on('close', () => upstream.destroy())
    upstream.on('error', () => {}).on('close', () => client.destroy())
  }).listen(0, '127.0.0.1', () => {
    Atomics.store(counted, 1, relay.address().port)
    Atomics.notify(counted, 1)
  })
`
const LINES = 10_000
const DATA_BYTES = LINES * 2
/** A statement, its answers and the messages of some pieces. */
const OTHER_BYTES = 2000

let relay: Worker
let blocking: db.Connection
let con: async.Connection
const counted = new Int32Array(new SharedArrayBuffer(8))
const sent = (): number => Atomics.load(counted, 0)
const nap = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)

beforeAll(async () => {
  const target = new URL(sharedServer().dsn())
  relay = new Worker(RELAY, {
    eval: true,
    execArgv: [],
    workerData: { counted, host: target.hostname, port: Number(target.port) },
  })
  Atomics.wait(counted, 1, 0)
  target.port = String(counted[1])
  const dsn = String(target)
  blocking = db.connect(dsn, { autocommit: true })
  con = await async.connect(dsn)
})
beforeEach(async () => {
  blocking.execute('drop table if exists pg_temp.t; create temp table t (a text)')
  await con.execute('drop table if exists pg_temp.t; create temp table t (a text)')
})
afterAll(async () => {
  blocking.close()
  await con.close()
  await relay.terminate()
})

function* lines(): Generator<string | Uint8Array> {
  // One buffer for half of the lines: the driver must have copied it when it asks for the next chunk.
  const reused = Buffer.from('b\n')
  for (let i = 0; i < LINES; i += 1) yield i % 2 === 0 ? 'a\n' : reused
}

async function* awaited(): AsyncGenerator<string | Uint8Array> {
  yield* lines()
}

const COUNT = "select count(*)::int, count(*) filter (where a = 'b')::int from t"
const ALL = [LINES, LINES / 2]

describe('lines that come one by one are sent in few messages', () => {
  const cases: [string, () => unknown][] = [
    ['copyToTable', () => blocking.copyToTable('t', { source: lines() })],
    ['copy', () => blocking.copy('copy t from stdin', { source: lines() })],
    [
      'cursor.copy',
      () =>
        blocking.cursor().copy('copy t from stdin', (copy) => {
          for (const line of lines()) copy.write(line)
        }),
    ],
  ]
  test.each(cases)('%s of the blocking API', (_what, load) => {
    const before = sent()
    load()
    expect(blocking.fetchrow(COUNT)!.toArray()).toEqual(ALL)
    expect(sent() - before).toBeLessThan(DATA_BYTES + OTHER_BYTES)
  })

  test.each([
    ['an iterable', lines],
    ['an async iterable', awaited],
  ])('copyToTable of %s of the async API', async (_what, source) => {
    const before = sent()
    const reports: unknown[] = []
    await con.copyToTable('t', { source: source(), onProgress: (progress) => reports.push(progress) })
    expect((await con.fetchrow(COUNT))!.toArray()).toEqual(ALL)
    expect(sent() - before).toBeLessThan(DATA_BYTES + OTHER_BYTES)
    expect(reports.at(-1)).toEqual({ rows: null, bytes: DATA_BYTES })
  })
})

describe('chunks of all sizes arrive in order', () => {
  const SIZES = [1, 40_000, 3, 70_000, 20_000, 20_000, 20_000, 20_000, 32_768, 65_535, 65_536, 300_000, 1]
  /** Two bytes in UTF-8 for each letter, so the sizes differ from the lengths of the strings. */
  const chunks = SIZES.flatMap((size, i) => {
    const text = `${String.fromCodePoint(0xe0 + i).repeat(size)}\n`
    return [text, Buffer.from(text)]
  })
  const wanted = chunks.map((chunk) => String(chunk).trimEnd())

  test('of the blocking API', () => {
    const reports: { rows: unknown; bytes: number }[] = []
    blocking.copyToTable('t', { source: chunks, onProgress: (progress) => reports.push(progress) })
    expect(blocking.fetch('select a from t').map(({ a }) => a)).toEqual(wanted)
    expect(reports.at(-1)!.bytes).toBe(chunks.reduce((sum, chunk) => sum + Buffer.byteLength(chunk), 0))
  })

  test('of the async API', async () => {
    await con.copyToTable('t', { source: chunks })
    expect((await con.fetch('select a from t')).map(({ a }) => a)).toEqual(wanted)
  })
})

describe('a slow source learns soon that the server has refused a chunk', () => {
  test('of the blocking API', () => {
    blocking.execute('alter table t add b int')
    let given = 0
    function* source(): Generator<string> {
      for (; given < 300; given += 1) {
        yield 'a\n'
        nap(10)
      }
    }
    expect(failureOf(() => blocking.copyToTable('t', { source: source() })).sqlstate).toBe('22P04')
    expect(given).toBeLessThan(100)
  })

  test('of the async API, which sends what it has when the source makes it wait', async () => {
    const before = sent()
    let asked = 0
    async function* source(): AsyncGenerator<string> {
      yield 'a\n'
      yield 'b\n'
      asked = sent()
      // The source waits for its own first chunks to have left.
      while (sent() === asked) await new Promise((resolve) => setImmediate(resolve))
      yield 'c\n'
    }
    expect(await con.copyToTable('t', { source: source() })).toBe('COPY 3')
    expect(asked).toBeGreaterThan(before)
  })
})

test('a source that throws after small chunks loads nothing', async () => {
  const mishap = new RangeError('no more lines')
  function* source(): Generator<string> {
    yield 'a\n'
    throw mishap
  }
  expect(failureOf(() => blocking.copyToTable('t', { source: source() }))).toBe(mishap)
  expect(blocking.fetchval('select count(*)::int from t')).toBe(0)
  expect(await failureOfAsync(con.copyToTable('t', { source: source() }))).toBe(mishap)
  expect(await con.fetchval('select count(*)::int from t')).toBe(0)
})

describe('the connection is refused in each chunk of an output, however small the data is', () => {
  test.each([1, 200_000])('of the blocking API, %i rows', (count) => {
    const query = `select g from generate_series(1, ${count}) g`
    const failures = new Set<string>()
    let chunks = 0
    const output = (): void => {
      chunks += 1
      failures.add(failureOf(() => blocking.fetchval('select 1')).message)
    }
    expect(blocking.copyFromQuery(query, null, { output, onProgress: output })).toBe(count)
    expect(chunks).toBeGreaterThan(0)
    const cursor = blocking.cursor()
    cursor.copy(`copy (${query}) to stdout`, (copy) => {
      for (const _chunk of copy) output()
      // The COPY is over now.
      expect(blocking.fetchval('select 2')).toBe(2)
    })
    expect([...failures]).toEqual(['a COPY is open on this connection: end it first'])
    expect(blocking.fetchval('select 3')).toBe(3)
  })

  test.each([1, 200_000])('of the async API, %i rows', async (count) => {
    const query = `select g from generate_series(1, ${count}) g`
    const failures = new Set<string>()
    const output = async (): Promise<void> => {
      failures.add((await failureOfAsync(con.fetchval('select 1'))).message)
    }
    await con.copyFromQuery(query, undefined, { output })
    expect(failures.size).toBe(1)
    expect([...failures][0]).toMatch(/another operation is in progress/)
  })

  test('and in each chunk of a source', async () => {
    const failures = new Set<unknown>()
    function* source(): Generator<string> {
      for (let i = 0; i < 3; i += 1) {
        failures.add(failureOf(() => blocking.fetchval('select 1')).name)
        yield 'a\n'
      }
      failures.add(failureOf(() => blocking.fetchval('select 1')).name)
    }
    expect(blocking.copyToTable('t', { source: source() })).toBe(3)
    async function* awaitedSource(): AsyncGenerator<string> {
      for (let i = 0; i < 3; i += 1) {
        failures.add((await failureOfAsync(con.fetchval('select 1'))).name)
        yield 'a\n'
      }
    }
    await con.copyToTable('t', { source: awaitedSource() })
    expect([...failures]).toEqual(['InterfaceError'])
  })
})
