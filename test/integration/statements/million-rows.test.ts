/**
 * A million rows through the blocking cursor. They are kept as bytes and decoded one by one when they are fetched. The
 * sums over the decoded values are compared with sums from the server.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'

import { type Connection, connect } from 'syncpg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { sharedServer } from '../../support/shared-server.ts'

const COUNT = 1_000_000
const ROWS = `
  select i::int4 as a,
         i::int8 * 9007199254741 as b,
         (i * 0.25)::float8 as c,
         'row ' || i as d,
         timestamptz '2000-01-01 00:00:00.123456+00' + i * interval '1 minute 1 microsecond' as e
  from generate_series(1, ${COUNT}) i`

type Numbered = readonly [a: number, b: bigint, c: number, d: string, e: Date & { readonly microseconds?: number }]

describe('a million rows', () => {
  let con: Connection

  beforeAll(() => {
    con = connect(sharedServer().dsn({ transport: 'unix' }), { autocommit: true })
  })
  afterAll(() => con.close())

  test('have the right values', { timeout: 120_000 }, async () => {
    const expected = con.fetchrow(`
      select sum(a)::text, sum(b)::text, sum(c)::text, sum(length(d))::text, sum((extract(epoch from e) * 1000000)::int8)::text
      from (${ROWS}) q`)
    await nextTurn()

    const cursor = con.execute<Numbered>(ROWS)
    expect(cursor.rowcount).toBe(COUNT)
    await nextTurn()
    const sums = { a: 0, b: 0n, c: 0, d: 0, seconds: 0, microseconds: 0 }
    let index = 0
    for (const [a, b, c, d, e] of cursor) {
      index += 1
      if (a !== index || d !== `row ${index}`) throw new Error(`row ${index} is [${a}, ${b}, ${c}, ${d}]`)
      sums.a += a
      sums.b += b
      sums.c += c
      sums.d += d.length
      const milliseconds = e.getTime()
      sums.seconds += Math.floor(milliseconds / 1000)
      sums.microseconds += (milliseconds % 1000) * 1000 + (e.microseconds ?? 0)
      if (index % 100_000 === 0) await nextTurn()
    }
    const epoch = BigInt(sums.seconds) * 1_000_000n + BigInt(sums.microseconds)
    const byTheClient = [String(sums.a), String(sums.b), String(sums.c), String(sums.d), String(epoch)]
    expect(byTheClient).toEqual([...(expected ?? [])])
    expect(index).toBe(COUNT)
  })

  test(
    'are decoded one by one by fetchone, and the rest stays as bytes outside of the heap',
    { timeout: 120_000 },
    async () => {
      const cursor = con.execute(`select json_build_object('counted', i) from generate_series(1, ${COUNT}) i`)
      await nextTurn()
      const parse = JSON.parse
      let decoded = 0
      // The codec of json calls JSON.parse once for each value. The texts of the channel do not begin like these values.
      JSON.parse = (text, reviver) => {
        if (text.startsWith('{"counted"')) decoded += 1
        return parse(text, reviver) as unknown
      }
      try {
        expect(cursor.fetchone()).toEqual({ json_build_object: { counted: 1 } })
        expect(decoded).toBe(1)
        expect(cursor.fetchmany(10)).toHaveLength(10)
        expect(decoded).toBe(11)
        for (const row of cursor) {
          expect(row).toEqual({ json_build_object: { counted: 12 } })
          break
        }
        expect([decoded, cursor.rownumber, cursor.rowcount]).toEqual([12, 12, COUNT])
      } finally {
        JSON.parse = parse
      }
    },
  )
})
