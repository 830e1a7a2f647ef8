/** Values of the common types there and back, and sizes at the edges of what a server sends. */
import { PgDate, PgInterval, PgTime, PgTimestamp } from 'syncpg/async'
import { describe, expect, test } from 'vitest'

import type { Driver } from '../driver.ts'

/** Type, value, and the text the server prints for it. */
type Sample = readonly [type: string, value: unknown, text: string]

const uuid = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'
const SAMPLES: readonly Sample[] = [
  ['bool', true, 'true'],
  ['bool', false, 'false'],
  ['int2', -32768, '-32768'],
  ['int4', 2147483647, '2147483647'],
  ['int8', 9223372036854775807n, '9223372036854775807'],
  ['int8', -9223372036854775808n, '-9223372036854775808'],
  ['float4', 0.5, '0.5'],
  ['float4', 3.4028235e38, '3.4028235e+38'],
  ['float8', 0.1, '0.1'],
  ['float8', -0, '-0'],
  ['float8', Infinity, 'Infinity'],
  ['float8', NaN, 'NaN'],
  ['numeric', '1.50', '1.50'],
  ['numeric', '-12345678901234567890.000000001', '-12345678901234567890.000000001'],
  ['numeric', 'NaN', 'NaN'],
  ['text', 'żółć 😀 "quoted" \\ back', 'żółć 😀 "quoted" \\ back'],
  ['text', '', ''],
  ['bytea', Buffer.from([0, 1, 127, 128, 255]), '\\x00017f80ff'],
  ['uuid', uuid, uuid],
  ['json', { a: [1, null, 'x'] }, '{"a":[1,null,"x"]}'],
  ['jsonb', { a: [1, null, 'x'] }, '{"a": [1, null, "x"]}'],
  ['jsonb', 'a plain string', '"a plain string"'],
  ['date', new PgDate(2024, 2, 29), '2024-02-29'],
  ['date', Infinity, 'infinity'],
  ['time', new PgTime(23, 59, 59, 999999), '23:59:59.999999'],
  ['time', new PgTime(24, 0), '24:00:00'],
  ['timestamp', new Date('2024-03-31T02:30:00.123Z'), '2024-03-31 02:30:00.123'],
  ['timestamp', new PgTimestamp(Date.UTC(1999, 11, 31, 23, 59, 59, 999), 1), '1999-12-31 23:59:59.999001'],
  ['timestamptz', new Date('2024-03-10T07:00:00Z'), '2024-03-10 07:00:00+00'],
  ['timestamptz', new PgTimestamp(-1, 999), '1969-12-31 23:59:59.999999+00'],
  ['timestamptz', -Infinity, '-infinity'],
  ['interval', new PgInterval(14, -3, 4_000_005n), '1 year 2 mons -3 days +00:00:04.000005'],
]
const label = (value: unknown): string => (value instanceof Date ? value.toISOString() : String(value)).slice(0, 40)

export function valueScenarios(db: () => Driver): void {
  describe('values', () => {
    test.each(SAMPLES.map((sample) => [sample[0], label(sample[1]), sample] as const))(
      '%s %s is read back unchanged',
      async (_type, _label, [type, value, text]) => {
        await db().execute("set timezone = 'UTC'")
        const sql = `select $1::${type}, $1::${type}::text, '${text.replaceAll("'", "''")}'::${type}`
        expect(await db().rows(sql, [value])).toEqual([[value, text, value]])
      },
    )

    test.each([...new Set(SAMPLES.map(([type]) => type))])(
      'nested arrays of %s with a NULL are read back unchanged',
      async (type) => {
        const values: unknown[] = SAMPLES.filter((sample) => sample[0] === type).map((sample) => sample[1])
        values.push(null)
        expect(await db().fetchval(`select $1::${type}[]`, [values])).toEqual(values)
        expect(await db().fetchval(`select $1::${type}[][]`, [[values, values]])).toEqual([values, values])
        expect(await db().fetchval(`select $1::${type}[]`, [[]])).toEqual([])
      },
    )

    test.each([...new Set(SAMPLES.map(([type]) => type))])('NULL of %s is null', async (type) => {
      expect(await db().rows(`select $1::${type}, $1::${type} is null`, [null])).toEqual([[null, true]])
    })

    test('a value suggests its type if the SQL has none', async () => {
      const values = [42, 'x', true, 1.5, 10n ** 15n, null, new PgDate(2024, 1, 2)]
      expect(await db().rows('select $1, $2, $3, $4, $5, $6, $7', values)).toEqual([values])
      const types = 'select pg_typeof(a)::text, pg_typeof(b)::text, pg_typeof(c)::text from (select $1 a, $2 b, $3 c) q'
      expect(await db().rows(types, [42, 2n ** 40n, 0.5])).toEqual([['integer', 'bigint', 'double precision']])
    })

    test('a row has its values by name, by position and in order', async () => {
      const row = (await db().fetchrow("select 1 as a, 'x' as b, 2 as a")) as Iterable<unknown> &
        Record<string, unknown>
      expect([...row]).toEqual([1, 'x', 2])
      expect([row['b'], row['a'], row[0]]).toEqual(['x', 2, 1])
    })

    test('5 MB of text are stored and read back', { timeout: 60_000 }, async () => {
      const text = 'żółw, '.repeat(600_000)
      const back = await db().fetchval('select $1::text', [text])
      // Not toEqual: a difference would be printed.
      expect(back === text).toBe(true)
    })

    test('a row may have no columns', async () => {
      expect(await db().rows('select')).toEqual([[]])
      expect(await db().rows('select from generate_series(1, 3)')).toEqual([[], [], []])
    })

    test('a row may have 1,600 columns', async () => {
      const numbers = Array.from({ length: 1600 }, (_, index) => index)
      const columns = numbers.map((number) => `${number} as c${number}`).join(', ')
      const row = (await db().fetchrow(`select ${columns}`)) as Iterable<unknown> & Record<string, unknown>
      expect([...row]).toEqual(numbers)
      expect(row['c1599']).toBe(1599)
    })

    test('10,000 rows come in order', async () => {
      const rows = await db().rows('select i, i::text, null from generate_series(1, 10000) i')
      expect(rows).toHaveLength(10000)
      expect(rows.every(([i, text, nothing], at) => i === at + 1 && text === String(i) && nothing === null)).toBe(true)
    })
  })
}
