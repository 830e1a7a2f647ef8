/** Properties of all values: an encoded value decodes to itself, in binary, and in text if syncpg writes the text. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteReader } from '../../../src-async/bytes/byte-reader.ts'
import { ByteWriter } from '../../../src-async/bytes/byte-writer.ts'
import type { Codec } from '../../../src-async/values/codec.ts'
import { dateFromDays, daysFromDate } from '../../../src-async/values/calendar.ts'
import { arrayCodec } from '../../../src-async/values/codecs/array.ts'
import { bytea } from '../../../src-async/values/codecs/bytea.ts'
import { date, time, timestamp, timestamptz, timetz } from '../../../src-async/values/codecs/date-time.ts'
import { float4, float8, shortestFloat32 } from '../../../src-async/values/codecs/floats.ts'
import { int8 } from '../../../src-async/values/codecs/integers.ts'
import { interval } from '../../../src-async/values/codecs/interval.ts'
import { inet } from '../../../src-async/values/codecs/network.ts'
import { numeric } from '../../../src-async/values/codecs/numeric.ts'
import { text, textFormatCodec } from '../../../src-async/values/codecs/text.ts'
import { PgDate } from '../../../src-async/values/pg-date.ts'
import { PgInterval } from '../../../src-async/values/pg-interval.ts'
import { PgTime, PgTimeTz } from '../../../src-async/values/pg-time.ts'
import { PgTimestamp } from '../../../src-async/values/pg-timestamp.ts'

function roundTrip(codec: Codec, value: unknown): unknown {
  const out = new ByteWriter()
  codec.encode(out, value)
  const bytes = out.take()
  const reader = new ByteReader(bytes)
  const decoded = codec.decode(reader, bytes.length)
  expect(reader.remaining).toBe(0)
  return decoded
}

const decimal = fc
  .tuple(fc.boolean(), fc.bigInt({ min: 0n, max: 10n ** 60n }), fc.stringMatching(/^\d{0,40}$/))
  .map(([isNegative, whole, fraction]) => {
    const digits = fraction === '' ? `${whole}` : `${whole}.${fraction}`
    return isNegative && /[1-9]/.test(digits) ? `-${digits}` : digits
  })
const days = fc.integer({ min: -2_000_000, max: 2_000_000_000 })
const offset = fc.integer({ min: -57_599, max: 57_599 })
const microsecondsOfDay = fc.integer({ min: 0, max: 86_400_000_000 })
const instant = fc
  .tuple(fc.integer({ min: -210_866_803_200_000, max: 8_640_000_000_000_000 }), fc.integer({ min: 0, max: 999 }))
  .map(([ms, us]) => (us === 0 || ms === 8_640_000_000_000_000 ? new Date(ms) : new PgTimestamp(ms, us)))
const someInterval = fc
  .tuple(
    fc.integer({ min: -2147483648, max: 2147483647 }),
    fc.integer({ min: -2147483648, max: 2147483647 }),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  )
  .map(([months, d, us]) => new PgInterval(months, d, us))

describe('a value that is encoded and decoded is the same:', () => {
  test('numeric, with its scale', () => {
    fc.assert(fc.property(decimal, (value) => void expect(roundTrip(numeric, value)).toBe(value)))
  })

  test('numeric that was written with an exponent', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 10n ** 30n }), fc.integer({ min: -60, max: 60 }), (digits, exponent) => {
        const plain = roundTrip(numeric, `${digits}e${exponent}`) as string
        const [whole = '', fraction = ''] = plain.split('.')
        expect(fraction.length).toBe(Math.max(0, -exponent))
        expect(BigInt(whole + fraction)).toBe(exponent > 0 ? digits * 10n ** BigInt(exponent) : digits)
      }),
    )
  })

  test('int8', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        (value) => void expect(roundTrip(int8, value)).toBe(value),
      ),
    )
    fc.assert(fc.property(fc.maxSafeInteger(), (value) => void expect(roundTrip(int8, value)).toBe(BigInt(value))))
  })

  test('floats, and float4 as the shortest decimal', () => {
    fc.assert(fc.property(fc.double(), (value) => void expect(roundTrip(float8, value)).toBe(value)))
    fc.assert(
      fc.property(fc.float(), (value) => {
        const short = shortestFloat32(value)
        expect(Math.fround(short)).toBe(value)
        expect(roundTrip(float4, short)).toBe(short)
        expect(float4.decodeText(Object.is(short, -0) ? '-0' : String(short))).toBe(short)
        expect(String(short).length).toBeLessThanOrEqual(Math.max(String(value).length, 1))
      }),
      { numRuns: 2000 },
    )
  })

  test('text and bytes', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }).filter((s) => !s.includes('\0')),
        (value) => void expect(roundTrip(text, value)).toBe(value),
      ),
    )
    fc.assert(
      fc.property(fc.uint8Array(), (value) => {
        expect(roundTrip(bytea, value)).toStrictEqual(Buffer.from(value))
        expect(bytea.decodeText(`\\x${Buffer.from(value).toString('hex')}`)).toStrictEqual(Buffer.from(value))
      }),
    )
  })

  test('dates, by bytes and by their text', () => {
    fc.assert(
      fc.property(days, (value) => {
        const day = PgDate.fromDays(value)
        expect([day.valueOf(), roundTrip(date, day), date.decodeText(String(day))]).toStrictEqual([value, day, day])
      }),
    )
  })

  test('dates as numbers of days, as in Date within its range', () => {
    fc.assert(
      fc.property(fc.integer({ min: -100_000_000, max: 100_000_000 }), (value) => {
        const { year, month, day } = dateFromDays(value)
        const same = new Date(value * 86_400_000)
        expect([year, month, day]).toEqual([same.getUTCFullYear(), same.getUTCMonth() + 1, same.getUTCDate()])
        expect(daysFromDate(year, month, day)).toBe(value)
      }),
    )
  })

  test('times, by bytes and by their text', () => {
    fc.assert(
      fc.property(microsecondsOfDay, offset, (value, zone) => {
        const plain = PgTime.fromMicroseconds(value)
        const zoned = PgTimeTz.fromMicroseconds(value, zone)
        expect([roundTrip(time, plain), time.decodeText(String(plain))]).toStrictEqual([plain, plain])
        expect([roundTrip(timetz, zoned), timetz.decodeText(String(zoned))]).toStrictEqual([zoned, zoned])
      }),
    )
  })

  test('timestamps, by bytes and by ISO text', () => {
    fc.assert(
      fc.property(instant, (value) => {
        expect(roundTrip(timestamptz, value)).toStrictEqual(value)
        expect(roundTrip(timestamp, value)).toStrictEqual(value)
        const isPlainYear = /^\d{4}-/.test(value.toISOString()) && !value.toISOString().startsWith('0000')
        if (isPlainYear) expect(timestamptz.decodeText(value.toISOString())).toStrictEqual(value)
      }),
      { numRuns: 1000 },
    )
  })

  test('intervals, by bytes and by both of their texts', () => {
    fc.assert(
      fc.property(someInterval, (value) => {
        expect(roundTrip(interval, value)).toStrictEqual(value)
        expect(interval.decodeText(String(value))).toStrictEqual(value)
        expect(PgInterval.parse(value.toISOString())).toStrictEqual(value)
      }),
      { numRuns: 1000 },
    )
  })

  test('IP addresses', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
        const printed = roundTrip(inet, address) as string
        expect(roundTrip(inet, printed)).toBe(printed)
        if (!address.includes(':')) expect(printed).toBe(address)
      }),
    )
  })

  test('arrays of every shape', () => {
    const shape = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 })
    const word = fc.option(
      fc.string().filter((s) => !s.includes('\0')),
      { nil: null },
    )
    const fill = (dimensions: readonly number[], next: () => unknown): unknown[] =>
      Array.from({ length: dimensions[0] ?? 0 }, () =>
        dimensions.length === 1 ? next() : fill(dimensions.slice(1), next),
      )
    fc.assert(
      fc.property(shape, fc.array(word, { minLength: 256, maxLength: 256 }), (dimensions, words) => {
        let i = 0
        const value = fill(dimensions, () => words[i++])
        expect(roundTrip(arrayCodec(text, 25), value)).toStrictEqual(value)
        expect(roundTrip(arrayCodec(textFormatCodec('exotic'), 0, ';'), value)).toStrictEqual(value)
      }),
    )
  })
})
