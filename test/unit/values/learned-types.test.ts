/**
 * Types that a database adds to the built-in ones: enums, domains, composites, ranges and arrays of them. The rows of
 * the catalog query and the bytes were recorded from a server.
 */
import { describe, expect, test } from 'vitest'
import { ByteReader } from '../../../src-async/bytes/byte-reader.ts'
import { ByteWriter } from '../../../src-async/bytes/byte-writer.ts'
import { DataError } from '../../../src-async/errors/tree.ts'
import { Range } from '../../../src-async/values/range.ts'
import { Record } from '../../../src-async/values/record.ts'
import { CodecRegistry } from '../../../src-async/values/registry.ts'
import { typeRecordOf, typeRecordsSql, unknownTypes } from '../../../src-async/values/type-records.ts'
import { RECORD_OID } from '../../../src-async/values/oids.ts'

const records = [
  [16396, 's.mood[]', 'b', 16397, ',', 0, 0, [], []],
  [16397, 's.mood', 'e', 0, ',', 0, 0, [], []],
  [16403, 's.pos[]', 'b', 16404, ',', 0, 0, [], []],
  [16404, 's.pos', 'd', 0, ',', 23, 0, [], []],
  [16408, 's.inner_t', 'c', 0, ',', 0, 0, ['a', 'm'], [23, 16397]],
  [16410, 's."Outer"[]', 'b', 16411, ',', 0, 0, [], []],
  [16411, 's."Outer"', 'c', 0, ',', 0, 0, ['id', 'inner_v', 'list', 't', 'p'], [16404, 16408, 16396, 25, 3904]],
  [16414, 's.withmoney', 'c', 0, ',', 0, 0, ['m', 't', 'n', 'b', 'd'], [790, 25, 1700, 16, 1082]],
  [16416, 's.floatmultirange', 'm', 0, ',', 0, 16418, [], []],
  [16418, 's.floatrange', 'r', 0, ',', 0, 701, [], []],
  [16428, 's.moneyrange', 'r', 0, ',', 0, 790, [], []],
  [16436, 'citext', 'b', 0, ',', 0, 0, [], []],
].map(typeRecordOf)

function learned(): CodecRegistry {
  const registry = new CodecRegistry()
  registry.learn(records)
  return registry
}

const registry = learned()

function oidOf(name: string): number {
  return records.find((record) => record.name === name)?.oid ?? expect.fail(`no type ${name}`)
}

function decode(oid: number, hex: string): unknown {
  const bytes = Buffer.from(hex, 'hex')
  const reader = new ByteReader(bytes)
  const value = registry.codecFor(oid).decode(reader, bytes.length)
  expect(reader.remaining).toBe(0)
  return value
}

function encode(oid: number, value: unknown): Buffer {
  const out = new ByteWriter()
  registry.codecFor(oid).encode(out, value)
  return out.take()
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (!(value instanceof Record)) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
}

const samples = [
  [
    's."Outer"',
    '00000005000040140000000400000007000040180000001d000000020000001700000004000000010000400d00000005736f20736f0000400c0000002500000001000000010000400d0000000300000001000000026f6b00000003227822ffffffff000000190000000a61202271222c205c202900000f40000000110200000004000000010000000400000005',
    '(7,"(1,""so so"")","{ok,""\\\\""x\\\\"""",NULL}","a ""q"", \\\\ )","[1,5)")',
  ],
  [
    's."Outer"',
    '0000000500004014ffffffff00004018ffffffff0000400c0000000c00000000000000000000400d000000190000000000000f40ffffffff',
    '(,,{},"",)',
  ],
  [
    's."Outer"[]',
    '00000001000000010000401b00000002000000010000006900000005000040140000000400000007000040180000001d000000020000001700000004000000010000400d00000005736f20736f0000400c0000001a00000001000000000000400d0000000100000001000000026f6b00000019000000016100000f400000000101ffffffff',
    '{"(7,\\"(1,\\"\\"so so\\"\\")\\",{ok},a,empty)",NULL}',
  ],
  ['s.floatrange', '02000000083ff8000000000000000000084000000000000000', '[1.5,2)'],
  ['s.floatmultirange', '000000010000001902000000083ff8000000000000000000084000000000000000', '{[1.5,2)}'],
  ['s.mood[]', '00000001000000010000400d0000000300000001000000026f6b00000005736f20736fffffffff', '{ok,"so so",NULL}'],
  ['s.pos[]', '000000010000000000004014000000020000000100000004000000010000000400000002', '{1,2}'],
] as const

const outer = {
  id: 7,
  inner_v: { a: 1, m: 'so so' },
  list: ['ok', '"x"', null],
  t: 'a "q", \\ )',
  p: new Range({ lower: 1, upper: 5 }),
}

describe('learned types', () => {
  test.each(samples)('%s is the same in both formats, and is read back unchanged', (name, hex, text) => {
    const value = decode(oidOf(name), hex)
    expect(registry.codecFor(oidOf(name)).decodeText(text)).toStrictEqual(value)
    expect(encode(oidOf(name), value).toString('hex')).toBe(hex)
  })

  test('a composite is a Record of its fields, nested', () => {
    const value = decode(oidOf('s."Outer"'), samples[0][1])
    expect(value).toBeInstanceOf(Record)
    expect(plain(value)).toStrictEqual(outer)
  })

  test('a composite is written from an object, an array or a Map; missing fields are NULL', () => {
    const oid = oidOf('s."Outer"')
    const hex = samples[0][1]
    expect(encode(oid, outer).toString('hex')).toBe(hex)
    expect(encode(oid, Object.values(outer)).toString('hex')).toBe(hex)
    expect(encode(oid, new Map(Object.entries(outer))).toString('hex')).toBe(hex)
    expect(encode(oid, { list: [], t: '' }).toString('hex')).toBe(samples[1][1])
  })

  test.each([
    [{ idd: 1 }, 's."Outer" has no field "idd"'],
    [[1, 2], 'expected 5 values for s."Outer", got 2'],
    [5, 'expected an object or an array for s."Outer", got the number 5'],
    [{ id: 'x' }, 'field "id": expected an integer for int4, got the string "x"'],
  ])('%o is refused', (value, message) => {
    expect(() => encode(oidOf('s."Outer"'), value)).toThrow(new DataError(message))
  })

  test('a composite with a member without binary form is sent and returned as text', () => {
    const codec = registry.codecFor(oidOf('s.withmoney'))
    const value = codec.decodeText('("$1,000.50",x,1.50,t,2024-01-02)')
    expect(codec.format).toBe(0)
    expect(encode(oidOf('s.withmoney'), value).toString()).toBe('("$1,000.50","x","1.50","true","2024-01-02")')
    expect(codec.decodeText('("$1,000.50","x","1.50","t","2024-01-02")')).toStrictEqual(value)
  })

  test('a range over a learned type is learned too', () => {
    const codec = registry.codecFor(oidOf('s.moneyrange'))
    const value = codec.decodeText('[$1.50,"$2,000.00")')
    expect(value).toStrictEqual(new Range({ lower: '$1.50', upper: '$2,000.00' }))
    expect(encode(oidOf('s.moneyrange'), value).toString()).toBe('["$1.50","$2,000.00")')
  })

  test('a composite that was altered is learned again, and its values are never misread', () => {
    const [, hex] = samples[1]
    expect(() => decode(oidOf('s."Outer"'), `00000004${hex.slice(8)}`)).toThrow(/the type was altered/)
    expect(() => decode(oidOf('s."Outer"'), hex.replace('00000019', '0000001a'))).toThrow(
      /field "t" has another type now/,
    )
  })

  test('an anonymous record is read by the types it carries', () => {
    const hex =
      '0000000400000017000000040000000100000019000000017800000017ffffffff000008c90000001000000001000000170000000400000002'
    expect(plain(decode(RECORD_OID, hex))).toStrictEqual({ f1: 1, f2: 'x', f3: null, f4: { f1: 2 } })
    expect(() => encode(RECORD_OID, [1])).toThrow(DataError)
  })

  test('each unknown type is listed once, and no built-in or learned type', () => {
    expect(unknownTypes(new CodecRegistry(), [23, 99999, 0, 99999, RECORD_OID])).toEqual([99999])
    expect(unknownTypes(registry, [oidOf('s.mood'), 99998])).toEqual([99998])
  })

  test('a type that contains itself causes no endless loop', () => {
    const other = new CodecRegistry()
    other.learn([typeRecordOf([50000, 'loop', 'c', 0, ',', 0, 0, ['self'], [50000]])])
    expect(other.codecFor(50000).format).toBe(0)
  })

  test('the query leaves multiranges out where a server has none', () => {
    expect([typeRecordsSql(true).includes('rngmultitypid'), typeRecordsSql(false).includes('rngmultitypid')]).toEqual([
      true,
      false,
    ])
  })
})

describe('a registry', () => {
  test('gives an unknown type as text', () => {
    const codec = new CodecRegistry().codecFor(99999)
    expect([codec.format, codec.name, codec.decodeText('x')]).toEqual([0, 'type 99999', 'x'])
  })

  test('with a codec of its own uses it in arrays too, changes no other registry, and can remove it', () => {
    const one = new CodecRegistry()
    one.set(23, {
      name: 'int4',
      format: 0,
      encode: (out) => void out.utf8('1'),
      decode: () => 'mine',
      decodeText: (text) => `<${text}>`,
    })
    expect([one.codecFor(23).decodeText('5'), one.codecFor(1007).decodeText('{5,NULL}')]).toEqual([
      '<5>',
      ['<5>', null],
    ])
    expect(new CodecRegistry().codecFor(23).decodeText('5')).toBe(5)
    one.delete(23)
    expect([one.codecFor(23).decodeText('5'), one.codecFor(1007).decodeText('{5}')]).toEqual([5, [5]])
  })
})
