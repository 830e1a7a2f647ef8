/** Arguments: types and counts are checked strictly, and errors say what was wrong and where. */
import { describe, expect, test } from 'vitest'
import { ByteWriter } from '../../../src-async/bytes/byte-writer.ts'
import { DataError, ProgrammingError } from '../../../src-async/errors/tree.ts'
import { ElementEncoder, deriveParameterTypes, encodeArguments } from '../../../src-async/values/encode-arguments.ts'
import { PgDate } from '../../../src-async/values/pg-date.ts'
import { PgInterval } from '../../../src-async/values/pg-interval.ts'
import { PgTime, PgTimeTz } from '../../../src-async/values/pg-time.ts'
import { PgTimestamp } from '../../../src-async/values/pg-timestamp.ts'
import { Json } from '../../../src-async/values/json.ts'
import { CodecRegistry } from '../../../src-async/values/registry.ts'
import { Statement } from '../../../src-async/values/statement.ts'
import { BUILT_IN_TYPES } from '../../../src-async/values/oids.ts'

const oids = new Map(
  BUILT_IN_TYPES.trim()
    .split('\n')
    .map((line) => [line.split(' ')[0], Number(line.split(' ')[1])]),
)
const arrays = new Map(
  BUILT_IN_TYPES.trim()
    .split('\n')
    .map((line) => [`${line.split(' ')[0]}[]`, Number(line.split(' ')[2])]),
)

function oidOf(type: string): number {
  return oids.get(type) ?? arrays.get(type) ?? expect.fail(`no type ${type}`)
}

function statementOf(types: readonly string[], resultTypes: readonly string[] | null = null): Statement {
  const columns = resultTypes?.map((type, i) => ({
    name: `c${i}`,
    tableOid: 0,
    tableColumn: 0,
    typeOid: oidOf(type),
    typeSize: 0,
    typeModifier: -1,
  }))
  const parameterTypes = types.map(oidOf)
  return new Statement({
    name: '',
    sql: 'select',
    parameterTypes,
    columns: columns ?? null,
    registry: new CodecRegistry(),
  })
}

function encode(types: readonly string[], values: readonly unknown[], element?: number): Buffer {
  const out = new ByteWriter()
  encodeArguments(
    out,
    statementOf(types),
    values,
    element === undefined ? undefined : { element, method: 'executemany' },
  )
  return out.take()
}

/** Hexadecimal digits, in groups that are easy to read. */
function hex(groups: string): string {
  return groups.replaceAll(' ', '')
}

/** The bytes of one argument. */
function bytesOf(type: string, value: unknown): string {
  const bytes = encode([type], [value])
  const head = bytes.readInt16BE(0) === 0 ? 4 : 6
  return bytes.subarray(head + 4, bytes.length - 2).toString('hex')
}

describe('a bind body', () => {
  test('has one format code if all values are binary, none if all are text, and -1 for NULL', () => {
    expect(encode(['int4', 'text'], [1, null]).toString('hex')).toBe(
      hex('00010001 0002 0000000400000001 ffffffff 0000'),
    )
    expect(encode(['money'], ['1']).toString('hex')).toBe(hex('0000 0001 0000000131 0000'))
    expect(encode([], []).toString('hex')).toBe(hex('0000 0000 0000'))
  })

  test('has a format code for each parameter and each result if they differ', () => {
    const out = new ByteWriter()
    encodeArguments(out, statementOf(['int4', 'money'], ['money', 'bool']), [1, '2'])
    expect(out.take().toString('hex')).toBe(hex('000200010000 0002 0000000400000001 0000000132 000200000001'))
  })

  test('asks for binary results with one code', () => {
    const out = new ByteWriter()
    encodeArguments(out, statementOf([], ['int4', 'bool']), [])
    expect(out.take().toString('hex')).toBe(hex('00000000 00010001'))
  })

  test('holds 65,535 parameters', () => {
    const count = 65535
    const bytes = encode(new Array(count).fill('int2'), new Array(count).fill(1))
    expect(bytes.readUInt16BE(4)).toBe(count)
  })

  test('that fails leaves the writer as it was', () => {
    const out = new ByteWriter()
    out.int32(7)
    expect(() => encodeArguments(out, statementOf(['text', 'int4']), ['x'.repeat(5000), 'y'])).toThrow(DataError)
    expect(out.take().toString('hex')).toBe('00000007')
  })
})

describe('refused arguments', () => {
  test.each([
    [['int4'], [], ProgrammingError, 'the server expects 1 argument for this query, 0 were passed'],
    [['int4', 'int4'], [1], ProgrammingError, 'the server expects 2 arguments for this query, 1 was passed'],
    [['int4', 'int4'], [1, undefined], ProgrammingError, 'parameter 2 is undefined; use null'],
    [['int4', 'int4'], [1, '12a'], DataError, 'query argument $2: expected an integer for int4, got the string "12a"'],
    [['int2'], [32768], DataError, 'query argument $1: the number 32768 is out of range for int2 (-32768 to 32767)'],
    [
      ['text'],
      ['x\0'],
      DataError,
      'query argument $1: the string "x\\u0000" has a NUL character, which text cannot hold; use bytea',
    ],
    [
      ['text'],
      ['\ud83d'],
      DataError,
      'query argument $1: the string "\\ud83d" has half a surrogate pair, which has no UTF-8 form',
    ],
    [['text'], [Symbol('s')], DataError, 'query argument $1: expected a string for text, got a symbol'],
    [['json'], [() => 1], DataError, 'query argument $1: expected a JSON value for json, got a function'],
    [
      ['text'],
      [{}],
      DataError,
      'query argument $1: expected a string for text, got a plain object\nHINT:  the server expects text here: for JSON write $1::jsonb, or pass JSON.stringify(value)',
    ],
    [['int4[]'], [[1, undefined]], DataError, 'query argument $1: array element [1] is undefined; use null'],
    [
      ['int4[]'],
      [[1, 'x']],
      DataError,
      'query argument $1: array element [1]: expected an integer for int4, got the string "x"',
    ],
    [
      ['text'],
      ['x'.repeat(100) + '\0'],
      DataError,
      `query argument $1: the string "${'x'.repeat(39)}… has a NUL character, which text cannot hold; use bytea`,
    ],
  ])('%j given %o', (types, values, errorClass, message) => {
    const failure = catchError(() => encode(types, values))
    expect(failure).toBeInstanceOf(errorClass)
    expect(failure.message).toBe(message)
  })

  test('more arguments than a statement can have', () => {
    expect(() => encode([], new Array(65536).fill(1))).toThrow(
      /65536 arguments were passed; a statement takes 65535 at most/,
    )
  })

  test('an element of a batch is named, in words and as a number', () => {
    const failure = catchError(() => encode(['int4', 'int4'], [1, true], 3))
    expect(failure.message).toBe(
      'element #3 of executemany: query argument $2: expected an integer for int4, got the boolean true',
    )
    expect(failure).toMatchObject({ batchIndex: 3 })
    expect(failure.cause).toBeInstanceOf(DataError)
    expect(catchError(() => encode(['int4'], [], 4))).toMatchObject({ batchIndex: 4 })
  })

  test.each([
    [
      'int4',
      [
        true,
        1.5,
        '1.0',
        '',
        ' ',
        '1e3',
        '2147483648',
        '- 1',
        '\u00a01',
        NaN,
        Infinity,
        2147483648,
        -2147483649n,
        [1],
        {},
        new Date(0),
      ],
    ],
    ['int8', [true, 1.5, '1.5', '9223372036854775808', 2 ** 53, 2n ** 63n, -(2n ** 63n) - 1n, NaN]],
    ['oid', [-1, 4294967296, 'x', '']],
    ['bool', [1, 0, '', 'o', 'truee', '2', 'ja', {}]],
    ['float8', ['', '1x', '1e400', '1e-400', '1,5', true, {}, new Date(0), 10n ** 400n]],
    ['float4', ['1e39', '1e-60', 1e39, 1e-60]],
    [
      'numeric',
      [
        '',
        'x',
        '1e',
        '1.2.3',
        true,
        {},
        [],
        [5],
        new Date(0),
        '+NaN',
        '1e200000',
        '1e-20000',
        Symbol('x'),
        Buffer.from('1'),
      ],
    ],
    ['text', [{}, [], [1], Buffer.from('x'), new Date(NaN), new String('x'), new Map()]],
    ['varchar', [{}, ['a'], new Uint8Array(1)]],
    ['name', [1, true]],
    ['xml', [1]],
    ['bytea', [1, [1, 2], {}]],
    [
      'uuid',
      [
        'x',
        1,
        '00000000-0000-0000-0000-00000000000',
        '{00000000-0000-0000-0000-000000000000',
        'g0000000-0000-0000-0000-000000000000',
      ],
    ],
    [
      'date',
      [
        '2024-02-30',
        '2024-13-01',
        '0000-01-01',
        1,
        new Date(1),
        {},
        new Date(NaN),
        { year: 2023, month: 2, day: 29 },
        '9999999-01-01',
      ],
    ],
    ['time', [5, {}, new PgTimeTz(1, 2)]],
    ['timetz', [new PgTime(1, 2), 5]],
    ['timestamp', [5, new Date(NaN), {}, '2024-02-30', new PgDate(2024, 1, 1).valueOf()]],
    ['timestamptz', ['2024-02-30T00:00:00Z', 5, {}, new Date(NaN), { year: 2024, month: 1, day: 1 }]],
    ['interval', [5, {}, { days: 1.5 }, { days: 1, dogs: 2 }, { months: 2 ** 31 }]],
    [
      'int4[]',
      [1, {}, ['x'], [1, [2]], [[1], 2], [[1], [2, 3]], [[[[[[[1]]]]]]], [[], [1]], Buffer.from([1]), new Set([1])],
    ],
    ['money[]', [[1], [['a'], ['b', 'c']], [['a'], 'b']]],
    ['inet', ['1.2.3.4/33', '1.2.3.4/x', 1]],
    ['cidr', ['1.2.3.4/24', '::1/64']],
    ['macaddr', [1]],
    ['bytea[]', [[1], new Uint8Array(2), [[new Uint8Array(1)], new Uint8Array(1)]]],
    ['varbit', [1, []]],
    ['point', [[1], [1, '2'], { x: 1 }, false]],
    ['polygon', [{}, [[1]]]],
    ['circle', [[1, 2, 3], { center: 1, radius: 2 }]],
    ['int4range', [[1, 2], {}, { lower: 'x' }, { from: 1 }, { lower: 1, empty: true }]],
    ['int4multirange', [{}, [1]]],
    ['pg_lsn', [-1n, 2n ** 64n]],
    ['tid', ['(4294967296,1)', '(1,65536)']],
    ['jsonb', [Symbol('x'), () => 1, 5n, { a: 5n }, Json(5, { raw: true })]],
    [
      'json',
      [new Map([['a', 1]]), new Set([1]), Promise.resolve(1), NaN, -Infinity, new Date(NaN), new Uint8Array([1])],
    ],
    [
      'json',
      [{ a: [1, { b: NaN }] }, [undefined], [() => 1], { a: Symbol('x') }, /a/, new Error('x'), new ArrayBuffer(1)],
    ],
    ['jsonb', [Json(new Map()), { toJSON: () => NaN }, [new Set()], { at: new Date(NaN) }, { b: Buffer.from('x') }]],
  ])('%s refuses %o', (type, values) => {
    const taken = values.filter((value) => !(caught(() => encode([type], [value])) instanceof DataError))
    expect(taken).toEqual([])
  })
})

describe('strings', () => {
  test.each([
    ['int4', ' -7\n', -7],
    ['int4', '+2147483647', 2147483647],
    ['int8', '-9223372036854775808', -9223372036854775808n],
    ['int2', '012', 12],
    ['oid', ' 4294967295 ', 4294967295],
    ['bool', ' YES ', true],
    ['bool', 'of', false],
    ['bool', '1', true],
    ['float8', '1e3', 1000],
    ['float8', ' +.5 ', 0.5],
    ['float8', '-0', -0],
    ['float8', '-INF', -Infinity],
    ['float8', 'nan', NaN],
    ['float8', '0e9', 0],
    ['float4', '16777217.0000001', 16777218],
    ['int4[]', ['1', null, 2], [1, null, 2]],
    ['varbit', '0101', '0101'],
  ])('for %s %o is read as %o', (type, value, same) => {
    expect(bytesOf(type, value)).toBe(bytesOf(type, same))
  })

  test.each([
    ['int4', '0x1F'],
    ['int8', '1_000'],
    ['oid', '-1'],
    ['xid', '010'],
    ['float8', '0x1p3'],
    ['numeric', '0x1F'],
    ['bytea', '\\x6162'],
    ['date', 'tomorrow'],
    ['date', '24-01-01'],
    ['time', '4 pm'],
    ['time', '10:00+01'],
    ['timetz', '10:00'],
    ['timestamp', 'now'],
    ['timestamp', '2024-01-01 00:00+00'],
    ['timestamptz', '2024-01-01'],
    ['interval', '1-2'],
    ['interval', '-1 days 02:00'],
    ['int4[]', '{1,2}'],
    ['int4range', '[1,5)'],
    ['int4multirange', '{[1,5)}'],
    ['point', '(1,2)'],
    ['polygon', '(0,0),(1,1)'],
    ['inet', '10.1'],
    ['macaddr', '0800.2b01.0203'],
    ['varbit', 'x1F'],
    ['pg_lsn', 'x'],
    ['tid', '0,1'],
  ])('for %s %o is sent as text, which the server reads', (type, value) => {
    const bytes = encode(['int4', type, 'text'], [1, value, 'x'])
    const text = Buffer.from(value)
    expect(bytes.toString('hex')).toBe(
      hex('0003 0001 0000 0001 0003 00000004 00000001') +
        text.length.toString(16).padStart(8, '0') +
        text.toString('hex') +
        hex('00000001 78 0000'),
    )
  })

  test('that only the server can read are sent as text within arrays, ranges and composites too', () => {
    expect(encode(['interval[]'], [['1-2', new PgInterval(0, 1, 0n), null]]).toString()).toContain('{"1-2","P1D",NULL}')
    expect(encode(['daterange'], [{ lower: 'today', upper: null }]).toString()).toContain('["today",)')
    expect(encode(['datemultirange'], [[{ lower: 'today', upper: null }]]).toString()).toContain('{["today",)}')
  })

  test.each([
    ['date', 'a\0b'],
    ['int4[]', '{\ud800}'],
  ])('that no server can read are refused: %s %o', (type, value) => {
    expect(caught(() => encode([type], [value]))).toBeInstanceOf(DataError)
  })

  test.each([
    [42, '42'],
    [1.5, '1.5'],
    [-0, '-0'],
    [1e21, '1e+21'],
    [1e-7, '1e-07'],
    [2 ** 60, '1.152921504606847e+18'],
    [NaN, 'NaN'],
    [5n, '5'],
    [true, 'true'],
    [new Date('2024-02-29T12:00:00.120Z'), '2024-02-29 12:00:00.12+00'],
    [new Date('2024-02-29T12:00:00Z'), '2024-02-29 12:00:00+00'],
    [new PgTimestamp(0, 7), '1970-01-01 00:00:00.000007+00'],
    [new PgDate(2024, 2, 29), '2024-02-29'],
    [new PgInterval(1, 0, 0n), '1 mon'],
  ])('a column of text takes %o as %s', (value, text) => {
    for (const type of ['text', 'varchar', 'bpchar']) expect(bytesOf(type, value)).toBe(bytesOf(type, text))
  })

  test('each element of a mixed batch has the formats it needs, and its values mean the same as alone', () => {
    const statement = statementOf(['int4', 'timestamptz'])
    const elements = Array.from({ length: 100 }, (_, i) => [i, i % 3 === 0 ? '2024-01-01' : new Date(i)])
    const out = new ByteWriter()
    const encoder = new ElementEncoder(out, statement, 'executemany')
    for (const element of elements) encoder.encode(element)
    const alone = elements.map((element) => encode(['int4', 'timestamptz'], element))
    expect(out.take().equals(Buffer.concat(alone))).toBe(true)
  })
})

describe('accepted arguments', () => {
  test.each([
    ['bytea[]', [new Uint8Array([1]), Buffer.from([2])], [Buffer.from([1]), Buffer.from([2])]],
    ['json', { a: undefined, b: new Date(0) }, { b: '1970-01-01T00:00:00.000Z' }],
    ['int4', 5n, 5],
    ['int8', 5, 5n],
    ['int8', -9007199254740991, -9007199254740991n],
    ['float8', 5n, 5],
    ['numeric', 1.5, '1.5'],
    ['numeric', 12345678901234567890n, '12345678901234567890'],
    ['numeric', NaN, 'NaN'],
    ['numeric', 1e21, '1000000000000000000000'],
    ['numeric', 1e-7, '0.0000001'],
    ['numeric', { toString: () => '1.20e+3' }, '1200'],
    ['numeric', ' .5 ', '0.5'],
    ['bytea', new Uint16Array([1]), Buffer.from([1, 0])],
    ['bytea', new Uint8Array([1, 2]).buffer, Buffer.from([1, 2])],
    ['uuid', '{A0EEBC999C0B4EF8BB6D6BB9BD380A11}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
    ['date', new Date('2024-02-29T00:00:00Z'), '2024-02-29'],
    ['date', { year: 2024, month: 2, day: 29 }, '2024-02-29'],
    ['date', '2024-2-29', '2024-02-29'],
    ['time', { hour: 1, minute: 2, second: 3, millisecond: 4, microsecond: 5, nanosecond: 0 }, '01:02:03.004005'],
    ['time', '1:02', new PgTime(1, 2)],
    ['timetz', '01:02Z', new PgTimeTz(1, 2, 0, 0, 0)],
    ['timestamp', '2024-01-02T03:04:05.000006', new PgTimestamp(Date.UTC(2024, 0, 2, 3, 4, 5), 6)],
    [
      'timestamp',
      { year: 2024, month: 1, day: 2, hour: 3, minute: 4, second: 5, millisecond: 6, microsecond: 7 },
      new PgTimestamp(Date.UTC(2024, 0, 2, 3, 4, 5, 6), 7),
    ],
    ['timestamptz', '2024-01-02T03:04:05+05:30', new Date('2024-01-01T21:34:05Z')],
    ['timestamptz', { epochNanoseconds: -1000n }, new PgTimestamp(-1, 999)],
    ['timestamptz', '+010000-01-01T00:00:00Z', new Date('+010000-01-01T00:00:00Z')],
    ['timestamptz', -Infinity, '-infinity'],
    ['interval', 'P1Y2M-3DT4H5M6.789S', new PgInterval(14, -3, 14_706_789_000n)],
    ['interval', { years: 1, weeks: 2, hours: -1, nanoseconds: 1500 }, new PgInterval(12, 14, -3_599_999_998n)],
    ['interval', '@ 1 year 2 mons -3 days 4 hours ago', new PgInterval(-14, 3, -14_400_000_000n)],
    ['json', 'text', Json('"text"', { raw: true })],
    ['int4[]', new Int32Array([1, 2]), [1, 2]],
    ['float8[]', new Float64Array([1, 2]), [1, 2]],
    ['int4[]', [[], []], []],
    ['point', [1, 2], { x: 1, y: 2 }],
    [
      'path',
      [[1, 2], { x: 3, y: 4 }],
      {
        points: [
          [1, 2],
          [3, 4],
        ],
        isClosed: false,
      },
    ],
    ['varbit', '01 01', '0101'],
    ['inet', '::FFFF:1.2.3.4', '::ffff:102:304'],
  ])('%s takes %o as %o', (type, value, same) => {
    expect(bytesOf(type, value)).toBe(bytesOf(type, same))
  })

  test("an object that converts itself, with the type's OID as argument, also within arrays", () => {
    const seen: number[] = []
    const money = { [Symbol.for('syncpg.toPostgres')]: (typeOid: number) => (seen.push(typeOid), 7) }
    expect([bytesOf('int4', money), bytesOf('int4[]', [money]), seen]).toEqual([
      bytesOf('int4', 7),
      bytesOf('int4[]', [7]),
      [23, 23],
    ])
  })

  test('the JSON null is not the SQL NULL', () => {
    expect(bytesOf('jsonb', Json(null))).toBe(`01${Buffer.from('null').toString('hex')}`)
  })

  test('an array of arrays for json[] is a list of JSON arrays', () => {
    expect(bytesOf('json[]', [[1], [2, 3]])).toContain(Buffer.from('[2,3]').toString('hex'))
  })
})

describe('types derived from values', () => {
  test.each([
    [[42], [23]],
    [[2 ** 31], [20]],
    [[1.5], [701]],
    [[-0], [701]],
    [[2 ** 60], [701]],
    [[5n], [20]],
    [[2n ** 70n], [1700]],
    [[true], [16]],
    [[new Date(0)], [1184]],
    [[new PgDate(2024, 1, 1)], [1082]],
    [[new PgTime(1, 2)], [1083]],
    [[new PgTimeTz(1, 2)], [1266]],
    [[new PgInterval(1, 0, 0n)], [1186]],
    [[Buffer.from('x')], [17]],
    [[[1, 2.5]], [1022]],
    [[[[1], [null]]], [1007]],
    [[['a', null]], [1009]],
  ])('%o', (values, derived) => {
    expect(deriveParameterTypes(values, [25])).toEqual(derived)
  })

  test('nothing changes for strings, nulls, mixtures and types that the server knows', () => {
    expect(deriveParameterTypes(['x', null, undefined, {}, [1, 'a'], [null], []], [25, 25, 25, 25, 25, 25, 25])).toBe(
      null,
    )
    expect(deriveParameterTypes([1, true], [1700, 20])).toBe(null)
  })

  test('where the SQL has a cast to text, numbers are accepted, and bytes and lists are refused', () => {
    expect(deriveParameterTypes([Buffer.from('x')], [25], 'select $1::text')).toBe(null)
    expect(deriveParameterTypes([['a']], [25], 'select cast($1 as text)')).toBe(null)
    expect(deriveParameterTypes([5], [25], 'select $1::text')).toBe(null)
  })

  test('the name of a column is not taken for a cast', () => {
    expect(deriveParameterTypes([5, Buffer.from('x')], [25, 25], 'select $1 as n, $2 as b')).toEqual([23, 17])
  })

  test('a type is guessed only if the caller allows it, and always for a value without a text form', () => {
    expect(deriveParameterTypes([5, 6, Buffer.from('x')], [25, 25, 25], '', (n) => n === 2)).toEqual([25, 23, 17])
  })

  test('a list of numbers is accepted for a list of texts, as in array_append($1, $2)', () => {
    expect(deriveParameterTypes([[1, null], 2], [1009, 25])).toEqual([1007, 23])
    expect(deriveParameterTypes([['a', null]], [1009])).toBe(null)
  })

  test('the other parameters keep the types of the server', () => {
    expect(deriveParameterTypes(['x', 5, 6], [25, 25, 1700])).toEqual([25, 23, 1700])
  })
})

function catchError(call: () => unknown): Error {
  return (caught(call) as Error | null) ?? expect.fail('nothing was thrown')
}

/** The error that a call throws; null when it returns. */
function caught(call: () => unknown): unknown {
  try {
    call()
  } catch (error) {
    return error
  }
  return null
}
