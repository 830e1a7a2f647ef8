/**
 * Random values are sent to the server and compared in three ways: the returned value, the server's text as the
 * driver reads it, and that text as the server reads it. All three must equal the sent value.
 */
import fc from 'fast-check'
import {
  BitString,
  PgDate,
  PgInterval,
  PgTime,
  PgTimeTz,
  PgTimestamp,
  Point,
  Range,
  Record,
  connect,
} from 'syncpg/async'
import { expect, test } from 'vitest'

import { sharedServer } from '../support/shared-server.ts'

const int32 = { min: -2147483647, max: 2147483646 }
const wellFormed = fc.string({ unit: 'binary', maxLength: 60 }).map((text) => text.replaceAll('\0', ''))
const decimal = fc
  .tuple(fc.boolean(), fc.bigInt({ min: 0n, max: 10n ** 60n }), fc.stringMatching(/^\d{0,40}$/))
  .map(([isNegative, whole, fraction]) => {
    const digits = fraction === '' ? `${whole}` : `${whole}.${fraction}`
    return isNegative && /[1-9]/.test(digits) ? `-${digits}` : digits
  })
const date = fc.integer({ min: -2_440_587, max: 2_145_031_948 }).map((day) => PgDate.fromDays(day))
const dayTime = fc.integer({ min: 0, max: 86_400_000_000 })
const instant = fc
  .tuple(fc.integer({ min: -210_866_803_200_000, max: 8_639_999_999_999_999 }), fc.integer({ min: 0, max: 999 }))
  .map(([ms, us]) => (us === 0 ? new Date(ms) : new PgTimestamp(ms, us)))
const float64 = fc.double()
const float32 = fc.float()
// JSON has no -0, so no such value is made.
const json = fc
  .jsonValue({ maxDepth: 3 })
  .map((value): unknown => JSON.parse(JSON.stringify(value)))
  .filter((value) => value !== null && !JSON.stringify(value).includes('\\u0000'))

const ARBITRARIES: readonly (readonly [type: string, arbitrary: fc.Arbitrary<unknown>])[] = [
  ['int2', fc.integer({ min: -32768, max: 32767 })],
  ['int4', fc.integer()],
  ['int8', fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  ['oid', fc.integer({ min: 0, max: 4294967295 })],
  ['float4', float32],
  ['float8', float64],
  ['numeric', decimal],
  ['text', wellFormed],
  ['bytea', fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes))],
  ['uuid', fc.uuid()],
  ['jsonb', json],
  ['json', json],
  ['date', date],
  ['time', dayTime.map((us) => PgTime.fromMicroseconds(us))],
  [
    'timetz',
    fc
      .tuple(dayTime, fc.integer({ min: -57_599, max: 57_599 }))
      .map(([us, offset]) => PgTimeTz.fromMicroseconds(us, offset)),
  ],
  ['timestamp', instant],
  ['timestamptz', instant],
  [
    'interval',
    fc
      .tuple(fc.integer(int32), fc.integer(int32), fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }))
      .map(([months, days, us]) => new PgInterval(months, days, us)),
  ],
  ['varbit', fc.stringMatching(/^[01]{0,40}$/).map((bits) => BitString.parse(bits))],
  ['point', fc.tuple(float64, float64).map(([x, y]) => new Point(x, y))],
  [
    'int8range',
    fc
      .tuple(fc.bigInt({ min: -(2n ** 60n), max: 0n }), fc.option(fc.bigInt({ min: 1n, max: 2n ** 60n })))
      .map(([lower, upper]) => new Range({ lower, upper })),
  ],
  [
    'numrange',
    fc
      .tuple(decimal, fc.boolean(), fc.boolean())
      .map(
        ([edge, lowerInc, upperInc]) =>
          new Range({ lower: edge.startsWith('-') ? edge : `-1${edge}`, upper: '1', lowerInc, upperInc }),
      ),
  ],
  ['text[]', fc.array(fc.option(wellFormed), { maxLength: 5 })],
  [
    'prop_pair',
    fc.record({
      t: fc.option(wellFormed),
      b: fc.option(fc.boolean()),
      l: fc.option(fc.array(fc.option(wellFormed), { maxLength: 3 })),
    }),
  ],
]

const NAMES = ARBITRARIES.map(([type]) => type)

/**
 * Makes values comparable: rows become plain objects, and a float4 is rounded, because it comes as its shortest
 * decimal.
 */
function plain(value: unknown, type: string): unknown {
  if (type === 'float4' && typeof value === 'number') return Math.fround(value)
  if (Array.isArray(value)) return value.map((item) => plain(item, type))
  return value instanceof Record
    ? Object.fromEntries([...Record.entries(value)].map(([key, item]) => [key, plain(item, type)]))
    : value
}

test.each(NAMES.map((name, index) => [name, index] as const))(
  '%s is read back unchanged, in every format',
  { timeout: 60_000 },
  async (type, index) => {
    const [, arbitrary] = ARBITRARIES[index]!
    const con = await connect(sharedServer().dsn())
    await con.execute("set timezone = 'UTC'; create type pg_temp.prop_pair as (t text, b bool, l text[])")
    await con.execute(`create type pg_temp.prop_holder as (v tsvector, x ${type})`)
    const marker = (i: number): string => `$${i + 1}::${type}`
    await fc.assert(
      fc.asyncProperty(fc.array(arbitrary, { minLength: 1, maxLength: 20 }), async (values) => {
        const columns = values.flatMap((_, i) => [
          marker(i),
          `row('w', ${marker(i)})::pg_temp.prop_holder`,
          `${marker(i)}::text::${type}`,
        ])
        const [row] = await con.fetch<unknown[]>(`select ${columns.join(', ')}`, values, { rowFactory: 'array' })
        const expected = values.flatMap((x) => [x, { v: "'w'", x }, x])
        expect(plain(row, type)).toEqual(expected)
        // Written as text, the server reads the same value.
        const held = values.map(
          (_, i) => `(($${i + 1}::pg_temp.prop_holder).x)::text = ($${values.length + i + 1}::${type})::text`,
        )
        const given = [...values.map((x) => ({ x })), ...values]
        expect(await con.fetchrow(`select ${held.join(' and ')} as same`, given)).toMatchObject({ same: true })
      }),
      { numRuns: 25 },
    )
    await con.close()
  },
)
