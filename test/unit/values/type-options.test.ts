/**
 * The option `types`: another form for a type, in both directions and in arrays too, but not where it would give a
 * wrong value.
 */
import { describe, expect, test } from 'vitest'
import { ByteReader } from '../../../src-async/bytes/byte-reader.ts'
import { ByteWriter } from '../../../src-async/bytes/byte-writer.ts'
import { DataError, ProgrammingError } from '../../../src-async/errors/tree.ts'
import { BOOL_OID, DATE_OID, INT8_OID, JSONB_OID, NUMERIC_OID } from '../../../src-async/values/oids.ts'
import { CodecRegistry } from '../../../src-async/values/registry.ts'
import { builtInOidBySpelling } from '../../../src-async/values/type-names.ts'
import type { TypeOptions } from '../../../src-async/values/call-types.ts'
import { applyTypeOptions } from '../../../src-async/values/type-options.ts'

const INT8_ARRAY_OID = 1016

function registryWith(options: TypeOptions): CodecRegistry {
  const registry = new CodecRegistry()
  applyTypeOptions(registry, options)
  return registry
}

function roundTrip(options: TypeOptions, oid: number, value: unknown): unknown {
  const codec = registryWith(options).codecFor(oid)
  const out = new ByteWriter()
  codec.encode(out, value)
  const bytes = out.take()
  return codec.decode(new ByteReader(bytes), bytes.length)
}

describe('types', () => {
  test.each([
    [{ int8: 'number' }, INT8_OID, 5n, 5],
    [{ int8: 'number' }, INT8_ARRAY_OID, [5n, null], [5, null]],
    [{ int8: 'auto' }, INT8_OID, 2n ** 53n, 2n ** 53n],
    [{ int8: 'auto' }, INT8_OID, 7n, 7],
    [{ int8: 'string' }, INT8_OID, '7', '7'],
    [{ date: 'string' }, DATE_OID, '2024-01-02', '2024-01-02'],
    [{ jsonb: 'string' }, JSONB_OID, '{"a": 1}', '{"a": 1}'],
    [{ jsonb: 'string' }, JSONB_OID, { a: 1 }, '{"a":1}'],
    [{ jsonb: 'string' }, JSONB_OID, [1], '[1]'],
    [{ int8: 'string' }, INT8_OID, 7, '7'],
    [{ int8: 'string' }, INT8_OID, 7n, '7'],
    [{ date: 'string' }, DATE_OID, new Date(0), '1970-01-01'],
    [{ date: 'string' }, DATE_OID, 'tomorrow', 'tomorrow'],
    [{ numeric: (text: string) => ({ decimal: text }) }, NUMERIC_OID, '1.50', { decimal: '1.50' }],
    [{ date: (text: string) => text.split('-') }, DATE_OID, '2024-01-02', ['2024', '01', '02']],
    [{ bool: (text: string) => text.toUpperCase() }, BOOL_OID, true, 'TRUE'],
  ])('%o', (options, oid, value, result) => {
    expect(roundTrip(options as unknown as TypeOptions, oid, value)).toStrictEqual(result)
  })

  test('an int8 that is not an exact number is refused in both formats', () => {
    expect(() => roundTrip({ int8: 'number' }, INT8_OID, 2n ** 53n)).toThrow(DataError)
    expect(() => registryWith({ int8: 'number' }).codecFor(INT8_OID).decodeText('9007199254740993')).toThrow(DataError)
  })

  test('an error of the function passes unchanged', () => {
    const failure = new RangeError('mine')
    const options = {
      numeric: () => {
        throw failure
      },
    }
    expect(() => roundTrip(options, NUMERIC_OID, 1)).toThrow(failure)
  })

  test.each([[{ int9: 'number' }], [{ int8: 'float' }], [{ date: 5 }]])('%o is refused', (options) => {
    expect(() => registryWith(options as never)).toThrow(ProgrammingError)
  })
})

/** The part of Temporal that is used. Each object records the fields from which it was made. */
const made = (kind: string) => ({
  from: (fields: object) => {
    if (
      Object.values(fields).some(
        (value) => Number(value) < 0 && Object.values(fields).some((other) => Number(other) > 0),
      )
    ) {
      throw new RangeError('mixed signs')
    }
    return { kind, ...fields }
  },
})
const fakeTemporal = {
  PlainDate: made('date'),
  PlainTime: made('time'),
  PlainDateTime: made('datetime'),
  Duration: made('duration'),
  Instant: { fromEpochNanoseconds: (nanoseconds: bigint) => ({ kind: 'instant', nanoseconds }) },
}

describe("types: 'temporal'", () => {
  const registry = registryWith({ temporal: fakeTemporal, int8: 'number' })
  const read = (typeName: string, text: string): unknown => {
    const oid = builtInOidBySpelling(typeName)!
    return registry.codecFor(oid).decodeText(text)
  }

  test.each([
    ['date', '2024-01-02', { kind: 'date', year: 2024, month: 1, day: 2 }],
    ['date', 'infinity', Infinity],
    ['time', '01:02:03.004005', { kind: 'time', hour: 1, minute: 2, second: 3, millisecond: 4, microsecond: 5 }],
    ['timestamptz', '1970-01-01 00:00:00.000001+00', { kind: 'instant', nanoseconds: 1000n }],
    [
      'timestamp',
      '2024-01-02 03:04:05.006007',
      { kind: 'datetime', year: 2024, month: 1, day: 2, hour: 3, minute: 4, second: 5, millisecond: 6, microsecond: 7 },
    ],
    ['interval', '1 year 2 days', expect.objectContaining({ kind: 'duration', years: 1, days: 2 })],
    ['date[]', '{2024-01-02,NULL}', [{ kind: 'date', year: 2024, month: 1, day: 2 }, null]],
    ['int8', '5', 5],
  ])('%s %s', (typeName, text, value) => {
    expect(read(typeName, text)).toEqual(value)
  })

  test('a value that Temporal cannot hold is refused, by the type’s name', () => {
    expect(() => read('time', '24:00:00')).toThrow(/^time: .* has no form in Temporal/)
    expect(() => read('interval', '1 mon -1 day')).toThrow(DataError)
  })

  test.each(['date', 'temporal'])('without the global Temporal a polyfill must be given: %s', (key) => {
    const options = key === 'date' ? { date: 'temporal' } : ('temporal' as const)
    if ('Temporal' in globalThis) registryWith(options as TypeOptions)
    else expect(() => registryWith(options as TypeOptions)).toThrow(/no global Temporal/)
  })
})
