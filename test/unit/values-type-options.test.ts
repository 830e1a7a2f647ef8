/**
 * The option `types`: another form for a type, both ways, in arrays too, and never where it would lie.
 */
import { describe, expect, test } from 'vitest'
import { ByteReader } from '../../src-async/bytes/byte-reader.ts'
import { ByteWriter } from '../../src-async/bytes/byte-writer.ts'
import { DataError, ProgrammingError } from '../../src-async/errors/tree.ts'
import { BOOL_OID, DATE_OID, INT8_OID, JSONB_OID, NUMERIC_OID } from '../../src-async/values/oids.ts'
import { CodecRegistry } from '../../src-async/values/registry.ts'
import { applyTypeOptions, type TypeOptions } from '../../src-async/values/type-options.ts'

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
    [{ numeric: (text: string) => ({ decimal: text }) }, NUMERIC_OID, '1.50', { decimal: '1.50' }],
    [{ date: (text: string) => text.split('-') }, DATE_OID, '2024-01-02', ['2024', '01', '02']],
    [{ bool: (text: string) => text.toUpperCase() }, BOOL_OID, true, 'TRUE'],
  ])('%o', (options, oid, value, result) => {
    expect(roundTrip(options as unknown as TypeOptions, oid, value)).toStrictEqual(result)
  })

  test('an int8 that is no exact number is refused as one, by both roads', () => {
    expect(() => roundTrip({ int8: 'number' }, INT8_OID, 2n ** 53n)).toThrow(DataError)
    expect(() => registryWith({ int8: 'number' }).codecFor(INT8_OID).decodeText('9007199254740993')).toThrow(DataError)
  })

  test('what a function throws is the user’s own error', () => {
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
