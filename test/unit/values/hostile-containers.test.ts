/**
 * Malformed bytes and texts for types that are not built in: they give a typed error, and no byte outside of the value
 * is read.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteReader, TruncatedBytesError } from '../../../src-async/bytes/byte-reader.ts'
import { ByteWriter } from '../../../src-async/bytes/byte-writer.ts'
import { DataError, ProtocolError } from '../../../src-async/errors/tree.ts'
import type { Codec } from '../../../src-async/values/codec.ts'
import { readsBinary } from '../../../src-async/values/codecs/array.ts'
import { hstoreCodec } from '../../../src-async/values/codecs/hstore.ts'
import { Range } from '../../../src-async/values/range.ts'
import { RECORD_OID } from '../../../src-async/values/oids.ts'
import { CodecRegistry } from '../../../src-async/values/registry.ts'
import { typeRecordOf } from '../../../src-async/values/type-records.ts'

const registry = new CodecRegistry()
registry.learn(
  [
    [50001, 'pair', 'c', 0, ',', 0, 0, ['a', 'b'], [23, 25]],
    [50002, 'pair[]', 'b', 50001, ',', 0, 0, [], []],
    [50003, 'deep', 'c', 0, ',', 0, 0, ['p', 'ps', 'r', 'h'], [50001, 50002, 50004, 50006]],
    [50004, 'floatrange', 'r', 0, ',', 0, 701, [], []],
    [50005, 'floatmultirange', 'm', 0, ',', 0, 50004, [], []],
    [50006, 'tags', 'd', 0, ',', 1009, 0, [], []],
    [50007, 'ltree', 'b', 0, ',', 0, 0, [], [], 'ltree_send'],
    [50008, 'texty', 'c', 0, ',', 0, 0, ['l', 'v', 's'], [50007, 22, 2205]],
  ].map(typeRecordOf),
)

const deep = {
  p: { a: 1, b: 'x' },
  ps: [{ a: null, b: '' }, null],
  r: new Range({ lower: 1.5 }),
  h: ['a', null],
}
/** A codec, a value to begin with, and its text. */
const CASES: readonly (readonly [Codec, unknown, string])[] = [
  [registry.codecFor(50003), deep, '("(1,x)","{""(,\\""\\"")"",NULL}","[1.5,)","{a,NULL}")'],
  [registry.codecFor(50005), [new Range({ lower: 1, upper: 2 }), new Range({})], '{[1,2),(,)}'],
  [registry.codecFor(50008), { l: 'a.b', v: [1, 2], s: 'pg_class' }, '(a.b,"1 2",pg_class)'],
  [hstoreCodec('hstore'), { a: '1', b: null }, '"a"=>"1", "b"=>NULL'],
]
const RECORD = Buffer.from('0000000200000017000000040000000100000019000000017800', 'hex')

function readable(call: () => unknown): void {
  try {
    call()
  } catch (error) {
    if (error instanceof DataError || error instanceof ProtocolError || error instanceof TruncatedBytesError) return
    throw error
  }
}

function changed(bytes: Buffer, at: number, value: number, cut: number): Buffer {
  const copy = Buffer.from(bytes)
  if (copy.length > 0) copy[at % copy.length] = value
  return copy.subarray(0, Math.max(0, copy.length - (cut > 20 ? 0 : cut)))
}

const change = fc.record({ at: fc.nat(), value: fc.nat(255), cut: fc.nat(40) })

test('bytes', () => {
  const binary = CASES.map(([codec, value]): [Codec, Buffer] => {
    const out = new ByteWriter()
    // Types that are sent as text are read in binary only inside records, so the bytes begin with those of their parts.
    if (codec.format === 1) codec.encode(out, value)
    else out.bytes(Buffer.from('00000003000050070000000401612e620000001600000000', 'hex'))
    return [readsBinary(codec), out.take()]
  })
  binary.push([registry.codecFor(RECORD_OID), RECORD])
  fc.assert(
    fc.property(fc.constantFrom(...binary), change, ([codec, bytes], { at, value, cut }) => {
      const hostile = changed(bytes, at, value, cut)
      // The bytes behind do not belong to the value.
      const reader = new ByteReader(Buffer.concat([hostile, Buffer.alloc(64, 0x41)]), 0, hostile.length)
      readable(() => codec.decode(reader, hostile.length))
      expect(reader.position).toBeLessThanOrEqual(hostile.length)
    }),
    { numRuns: 5000 },
  )
})

test('texts', () => {
  fc.assert(
    fc.property(fc.constantFrom(...CASES), change, fc.string({ maxLength: 3 }), ([codec, , text], { at, cut }, put) => {
      const position = at % (text.length + 1)
      readable(() =>
        codec.decodeText(text.slice(0, position) + put + text.slice(position + 1, text.length - (cut % 5))),
      )
    }),
    { numRuns: 5000 },
  )
})

test.each([
  ['a record of 2^31 - 1 fields', registry.codecFor(RECORD_OID), '7fffffff'],
  ['a composite of 2^31 - 1 fields', registry.codecFor(50001), '7fffffff'],
  ['an hstore of 2^31 - 1 pairs', hstoreCodec('hstore'), '7fffffff'],
  ['an hstore with a key of NULL', hstoreCodec('hstore'), '00000001ffffffffffffffff'],
  ['a multirange of 2^31 - 1 ranges', registry.codecFor(50005), '7fffffff'],
])('%s is refused', (_name, codec, hex) => {
  const bytes = Buffer.from(hex, 'hex')
  expect(() => codec.decode(new ByteReader(bytes), bytes.length)).toThrow(DataError)
})
