/**
 * Arguments: strict about types and counts, and clear about what was wrong where.
 */
import { describe, expect, test } from 'vitest'
import { ByteWriter } from '../../src-async/bytes/byte-writer.ts'
import { DataError, ProgrammingError } from '../../src-async/errors/tree.ts'
import { deriveParameterTypes, encodeArguments } from '../../src-async/values/encode-arguments.ts'
import { PgDate } from '../../src-async/values/pg-date.ts'
import { PgInterval } from '../../src-async/values/pg-interval.ts'
import { PgTime, PgTimeTz } from '../../src-async/values/pg-time.ts'
import { PgTimestamp } from '../../src-async/values/pg-timestamp.ts'
import { Json } from '../../src-async/values/json.ts'
import { CodecRegistry } from '../../src-async/values/registry.ts'
import { Statement } from '../../src-async/values/statement.ts'
import { BUILT_IN_TYPES } from '../../src-async/values/oids.ts'

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
  encodeArguments(out, statementOf(types), values, element === undefined ? undefined : { element })
  return out.take()
}

/** Hexadecimal digits in groups for the eye. */
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
  test('has one format code when all are binary, none when all are text, and NULL as -1', () => {
    expect(encode(['int4', 'text'], [1, null]).toString('hex')).toBe(
      hex('00010001 0002 0000000400000001 ffffffff 0000'),
    )
    expect(encode(['money'], ['1']).toString('hex')).toBe(hex('0000 0001 0000000131 0000'))
    expect(encode([], []).toString('hex')).toBe(hex('0000 0000 0000'))
  })

  test('has a code for each where they differ, for results as for parameters', () => {
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

describe('what is refused', () => {
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
    [['text'], [{}], DataError, 'query argument $1: expected a string for text, got a plain object'],
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
    ['int4', [true, 1.5, '1', NaN, Infinity, 2147483648, -2147483649n, [1], {}, new Date(0)]],
    ['int8', [true, 1.5, '1', 2 ** 53, 2n ** 63n, -(2n ** 63n) - 1n, NaN]],
    ['oid', [-1, 4294967296]],
    ['bool', [1, 0, 't', 'true', {}]],
    ['float8', ['1', true, {}, new Date(0), 10n ** 400n]],
    ['float4', ['1', 1e39, 1e-60]],
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
    ['text', [1, 1n, true, {}, [], new Date(0), new String('x')]],
    ['bytea', ['x', 1, [1, 2], {}]],
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
        '24-01-01',
        1,
        new Date(1),
        {},
        new Date(NaN),
        { year: 2023, month: 2, day: 29 },
        '9999999-01-01',
      ],
    ],
    ['time', ['25:00', '24:00:01', '10:60', '10:00+01', 5, {}, new PgTimeTz(1, 2)]],
    ['timetz', ['10:00', '10:00+16', new PgTime(1, 2), 5]],
    [
      'timestamp',
      [
        '2024-01-01 00:00+00',
        '2024-01-01T00:00:00Z',
        'now',
        5,
        new Date(NaN),
        {},
        '2024-02-30',
        new PgDate(2024, 1, 1).valueOf(),
      ],
    ],
    [
      'timestamptz',
      ['2024-01-01', '2024-01-01T00:00:00', 'now', 5, {}, new Date(NaN), { year: 2024, month: 1, day: 1 }],
    ],
    ['interval', ['x', '', 'P', '1', 5, {}, { days: 1.5 }, { days: 1, dogs: 2 }, { months: 2 ** 31 }, '1.5 days']],
    [
      'int4[]',
      [1, '{1}', {}, [1, [2]], [[1], 2], [[1], [2, 3]], [[[[[[[1]]]]]]], [[], [1]], Buffer.from([1]), new Set([1])],
    ],
    ['money[]', [[1], 'x', [['a'], ['b', 'c']], [['a'], 'b']]],
    [
      'inet',
      ['1.2.3', '1.2.3.256', '1.2.3.4/33', ':::', '1::2::3', '12345::', 1, '1:2:3:4:5:6:7', '1:2:3:4:5:6:7::8::'],
    ],
    ['cidr', ['1.2.3.4/24', '::1/64']],
    ['macaddr', ['08:00', 'xx:00:2b:01:02:03', 1]],
    ['varbit', ['012', 1, []]],
    ['point', [[1], [1, '2'], { x: 1 }, '(1,2)', false]],
    ['polygon', ['x', {}, [[1]]]],
    ['circle', [[1, 2, 3], { center: 1, radius: 2 }]],
    ['int4range', [[1, 2], '[1,2)', {}, { lower: 'x' }, { from: 1 }, { lower: 1, empty: true }]],
    ['int4multirange', [{}, [1], 'x']],
    ['pg_lsn', ['x', -1n, 2n ** 64n, '1/2/3']],
    ['tid', ['0,1', '(4294967296,1)', '(1,65536)']],
    ['jsonb', [Symbol('x'), () => 1, 5n, { a: 5n }, Json(5, { raw: true })]],
  ])('%s refuses %o', (type, values) => {
    const taken = values.filter((value) => !(caught(() => encode([type], [value])) instanceof DataError))
    expect(taken).toEqual([])
  })
})

describe('what is taken', () => {
  test.each([
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

  test('an object that converts itself, told the type, also within arrays', () => {
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

  test('the other parameters keep the types of the server', () => {
    expect(deriveParameterTypes(['x', 5, 6], [25, 25, 1700])).toEqual([25, 23, 1700])
  })
})

function catchError(call: () => unknown): Error {
  return (caught(call) as Error | null) ?? expect.fail('nothing was thrown')
}

/** What a call throws, null when it returns. */
function caught(call: () => unknown): unknown {
  try {
    call()
  } catch (error) {
    return error
  }
  return null
}
