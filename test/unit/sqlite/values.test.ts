/** Converts values between PostgreSQL's types and those of a SQLite program. */
import { describe, expect, test } from 'vitest'

import { rewriteMarkers } from '../../../src-sync/index.ts'
import { AffineValue } from '../../../src-sync/sqlite-shape/affinity.ts'
import { bindValues } from '../../../src-sync/sqlite-shape/bind-values.ts'
import { isoOfTimestamptz, numberOfNumeric, rowMaker } from '../../../src-sync/sqlite-shape/values.ts'

const TO_POSTGRES = Symbol.for('syncpg.toPostgres')

describe('values from PostgreSQL', () => {
  test.each([
    ['2024-01-02 03:04:05+00', '2024-01-02T03:04:05.000Z'],
    ['2024-01-02 03:04:05.1+00', '2024-01-02T03:04:05.100Z'],
    ['2024-01-02 03:04:05.123456+00', '2024-01-02T03:04:05.123456Z'],
    ['2024-01-02 03:04:05.123456+05:30', '2024-01-01T21:34:05.123456Z'],
    ['2024-07-02 03:04:05-04', '2024-07-02T07:04:05.000Z'],
    ['infinity', 'infinity'],
    ['0044-03-15 12:00:00+00 BC', '0044-03-15 12:00:00+00 BC'],
  ])('the instant %s is %s', (text, expected) => {
    expect(isoOfTimestamptz(text)).toBe(expected)
  })

  test.each([
    ['12', 12n],
    ['-3', -3n],
    ['1.50', 1.5],
    ['0.1', 0.1],
    ['NaN', Number.NaN],
    ['123456789012345678901234567890', 123456789012345678901234567890n],
  ])('the numeric %s', (text, expected) => {
    expect(numberOfNumeric(text)).toEqual(expected)
  })

  const columns = [
    { name: 'id', typeOid: 20 },
    { name: 'ok', typeOid: 16 },
    { name: 'n', typeOid: 23 },
    { name: 'f', typeOid: 701 },
  ]

  test('rows are plain objects of numbers, or of bigints if the program asks for them', () => {
    const values = [1n, true, 2, 3]
    expect(rowMaker({ shape: 'object', asBigInts: false })(columns)([...values])).toEqual({ id: 1, ok: 1, n: 2, f: 3 })
    expect(rowMaker({ shape: 'array', asBigInts: true })(columns)([...values])).toEqual([1n, 1n, 2n, 3])
    expect(rowMaker({ shape: 'first', asBigInts: false })(columns)([...values])).toBe(1)
  })

  test('an integer that a number cannot hold is an error, never another number', () => {
    const make = rowMaker({ shape: 'object', asBigInts: false })(columns)
    expect(() => make([2n ** 53n, true, 0, 0])).toThrow(
      expect.objectContaining({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' }),
    )
    expect(make([2n ** 53n - 1n, true, 0, 0])).toMatchObject({ id: Number.MAX_SAFE_INTEGER })
  })

  test('a column may be called __proto__', () => {
    const row = rowMaker({ shape: 'object', asBigInts: false })([{ name: '__proto__', typeOid: 25 }])(['x'])
    expect(Object.entries(row as object)).toEqual([['__proto__', 'x']])
  })
})

describe('values for a parameter of another type', () => {
  const converted = (value: unknown, typeOid: number): unknown =>
    (new AffineValue(value) as unknown as { [TO_POSTGRES](oid: number): unknown })[TO_POSTGRES](typeOid)

  test.each([
    ['42', 20, 42n],
    [' +7 ', 23, 7n],
    ['4x', 23, '4x'],
    ['', 23, ''],
    ['2.5', 701, 2.5],
    ['2.5', 1700, '2.5'],
    ['2.5', 23, '2.5'],
    [1, 16, true],
    [0n, 16, false],
    [2, 16, 2],
    ['1', 16, true],
    [true, 23, 1],
    [5, 1043, '5'],
    ['2024-01-02 03:04:05', 1184, '2024-01-02 03:04:05Z'],
    ['2024-01-02T03:04:05+02', 1184, '2024-01-02T03:04:05+02'],
  ])('%o for the type %i is sent as %o', (value, typeOid, expected) => {
    expect(converted(value, typeOid)).toBe(expected)
  })
})

describe('arguments', () => {
  const bind = (sql: string, given: readonly unknown[], rules = {}): readonly unknown[] =>
    bindValues(
      rewriteMarkers(sql, 'sqlite', { standardConformingStrings: true, hasParameters: true }),
      given as Parameters<typeof bindValues>[1],
      { allowsBare: true, allowsUnknown: false, ...rules },
    )

  test.each([
    ['anonymous', 'select ?, ?', [1, 2], [1, 2]],
    ['an array', 'select ?, ?', [[1, 2]], [1, 2]],
    ['arrays among others', 'select ?, ?, ?', [1, [2, 3]], [1, 2, 3]],
    ['an array of PostgreSQL', 'select ?', [[[1, 2]]], [[1, 2]]],
    ['by number', 'select ?2, ?1', [1, 2], [1, 2]],
    ['by name', 'select :a, @b, $c', [{ a: 1, '@b': 2, $c: 3 }], [1, 2, 3]],
    ['names and others', 'select :a, ?', [{ a: 1 }, 2], [1, 2]],
    ['names in order', 'select :a, :b', [1, 2], [1, 2]],
    ['bytes', 'select ?', [new Uint8Array([1])], [new Uint8Array([1])]],
  ])('%s', (_name, sql, given, expected) => {
    expect(bind(sql, given)).toEqual(expected)
  })

  test.each([
    ['too few', 'select ?, ?', [1], 'no value for parameter 2'],
    ['too many', 'select ?', [1, 2], 'too many parameter values: the statement takes 1, 2 were given'],
    ['a missing name', 'select :a', [{}], "no value for named parameter ':a'"],
    ['an unknown name', 'select :a', [{ a: 1, z: 2 }], "unknown named parameter 'z'"],
    ['undefined', 'select ?', [undefined], 'the value of parameter 1 is undefined'],
    [
      'a property that every object inherits',
      'select :constructor',
      [{}],
      "no value for named parameter ':constructor'",
    ],
    ['a name that fits two markers', 'select :a, @a', [{ a: 1 }], "the name 'a' is ambiguous"],
  ])('%s is refused', (_name, sql, given, message) => {
    expect(() => bind(sql, given)).toThrow(message)
  })

  test('the rules for names of parameters can be changed', () => {
    expect(bind('select :a', [{ a: 1, z: 2 }], { allowsUnknown: true })).toEqual([1])
    expect(() => bind('select :a', [{ a: 1 }], { allowsBare: false })).toThrow("unknown named parameter 'a'")
  })
})
