/**
 * Tests the channel between the threads with the smallest possible ring, so that nearly all records wrap around, wait
 * for room or come in pieces. Parameters and results of every size must arrive unchanged. The sizes are random. The
 * test prints its seed, and `SYNCPG_TEST_SEED` repeats a run.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'

import { type Connection, connect } from 'syncpg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { sharedServer } from '../support/shared-server.ts'

const RING_BYTES = 4096
const seed = Number(process.env['SYNCPG_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const LARGEST_RANDOM_BYTES = 256 * 1024

/** Marsaglia's xorshift: small, fast, and with the same numbers on every machine. */
function randomNumbers(start: number): () => number {
  let state = start === 0 ? 1 : start
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

const random = randomNumbers(seed)

/**
 * A size from 1 to `most`. There are as many between 1 and 10 as between 10 and 100, because most edge cases are
 * small sizes.
 */
function randomSize(most: number): number {
  return Math.floor(Math.exp((random() / 2 ** 32) * Math.log(most))) || 1
}

function randomBytes(size: number): Buffer {
  const words = new Uint32Array(Math.ceil(size / 4))
  for (let index = 0; index < words.length; index++) words[index] = random()
  return Buffer.from(words.buffer, 0, size)
}

describe(`a ring of ${RING_BYTES} bytes, seed ${seed}`, () => {
  let con: Connection

  beforeAll(() => {
    // oxlint-disable-next-line no-console -- the seed must be printed even if the run hangs.
    console.log(`ring stress: SYNCPG_TEST_SEED=${seed}`)
    con = connect(sharedServer().dsn({ transport: 'unix' }), { autocommit: true, ringBytes: RING_BYTES })
  })
  afterAll(() => con.close())

  function expectEcho(size: number): void {
    const sent = randomBytes(size)
    const received = con.fetchval<Buffer>('select $1::bytea', [sent])
    // `toEqual` would print megabytes for a difference.
    if (received === null || !received.equals(sent)) {
      throw new Error(`${size} bytes came back as ${received?.length ?? 'nothing'}, or changed; seed ${seed}`)
    }
  }

  test('1,500 parameters of random sizes come back unchanged', { timeout: 60_000 }, async () => {
    for (let round = 0; round < 1500; round++) {
      expectEcho(randomSize(LARGEST_RANDOM_BYTES))
      // The event loop turns now and then, so that the guard of blocked threads does not end this test.
      if (round % 50 === 0) await nextTurn()
    }
  })

  test(
    'every size around the limits of records, pieces, the ring and the request area comes back unchanged',
    { timeout: 60_000 },
    async () => {
      // A row of one bytea has 11 bytes before its value, a record 16 before the row; edges are tried from well below.
      const edges = [1, RING_BYTES / 4, RING_BYTES / 2, RING_BYTES, 2 * RING_BYTES, 64 * 1024, 320 * 1024]
      for (const edge of edges) {
        for (let size = Math.max(0, edge - 64); size <= edge + 8; size++) expectEcho(size)
        await nextTurn()
      }
    },
  )

  // `npm run soak` begins with 64 and 100.
  test.each([1, 8])('%i MB both ways', { timeout: 60_000 }, async (megabytes) => {
    await nextTurn()
    expectEcho(megabytes * 1024 * 1024)
    await nextTurn()
    expectEcho(megabytes * 1024 * 1024 - 27)
  })

  test('results of random sizes without parameters come unchanged', async () => {
    const pattern = 'The ring turns. '
    for (let round = 0; round < 200; round++) {
      const count = randomSize(20_000)
      const text = con.fetchval<string>(`select repeat('${pattern}', ${count})`)
      expect(text === pattern.repeat(count), `${count} times, seed ${seed}`).toBe(true)
      if (round % 50 === 0) await nextTurn()
    }
  })

  const ROWS = 'select size, repeat(chr(97 + size % 26), size) from unnest($1::int[]) as size'
  const isRow = (row: Iterable<unknown>, size: number): boolean => {
    const [told, text] = row
    return told === size && text === String.fromCharCode(97 + (size % 26)).repeat(size)
  }

  test.each(['fetched at once', 'by the cursor'])('20,000 rows of random sizes, %s', async (way) => {
    await nextTurn()
    const sizes = Array.from({ length: 20_000 }, () => randomSize(4000))
    const rows: Iterable<Iterable<unknown>> =
      way === 'by the cursor' ? con.execute(ROWS, [sizes]) : con.fetch(ROWS, [sizes])
    let index = 0
    for (const row of rows) {
      if (!isRow(row, sizes[index] as number)) throw new Error(`row ${index} is wrong; seed ${seed}`)
      index += 1
    }
    expect(index).toBe(sizes.length)
  })

  test('rows with notices between them come unchanged to a slow listener', { timeout: 60_000 }, async () => {
    con.execute(
      'create or replace function pg_temp.loud(n int) returns text language plpgsql as ' +
        "$$ begin if n % 100 = 0 then raise notice '%', repeat('n', n); end if; return repeat('r', n); end $$",
    )
    let noticed = 0
    const listener = (notice: Error): void => {
      noticed += Number(/^n+$/.test(notice.message))
      // This is longer than the writer sleeps for room, so it has to queue the record.
      const until = performance.now() + 30
      while (performance.now() < until) continue
    }
    con.addNoticeListener(listener)
    try {
      const sizes = Array.from({ length: 2000 }, (_, index) => index + 1)
      const texts = con.fetch('select pg_temp.loud(n) from unnest($1::int[]) n', [sizes]).map(([text]) => text)
      expect(texts.every((text, index) => text === 'r'.repeat(index + 1))).toBe(true)
      expect(noticed).toBe(20)
    } finally {
      con.removeNoticeListener(listener)
    }
  })

  test('each call gets its own answer when some calls fail', async () => {
    for (let round = 0; round < 300; round++) {
      const size = randomSize(20_000)
      if (round % 3 === 0) {
        // The rows come first, then the failure. The next call must not take these rows for its answer.
        const failing = `select repeat('f', ${size}), 1 / (50 - i) from generate_series(1, 100) i`
        expect(() => con.fetch(failing)).toThrow('division by zero')
      }
      expectEcho(size)
      if (round % 50 === 0) await nextTurn()
    }
  })

  test('two connections with one worker get their own answers in turns', async () => {
    const other = connect(sharedServer().dsn(), { autocommit: true, ringBytes: 2 * RING_BYTES })
    try {
      for (let round = 0; round < 200; round++) {
        const sent = randomBytes(randomSize(50_000))
        expectEcho(randomSize(50_000))
        expect(other.fetchval<Buffer>('select $1::bytea', [sent])?.equals(sent), `seed ${seed}`).toBe(true)
        if (round % 50 === 0) await nextTurn()
      }
    } finally {
      other.close()
    }
  })
})
