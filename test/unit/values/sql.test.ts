/** Identifiers and literals. A server has read each expected text and given the value back. */
import { describe, expect, test } from 'vitest'
import { DataError, ProgrammingError } from '../../../src-async/errors/tree.ts'
import { PgDate } from '../../../src-async/values/pg-date.ts'
import { PgInterval } from '../../../src-async/values/pg-interval.ts'
import { PgTimeTz } from '../../../src-async/values/pg-time.ts'
import { quoteIdentifier, quoteLiteral } from '../../../src-async/values/sql.ts'

describe('identifiers', () => {
  test.each([
    [['a'], '"a"'],
    [['My "table"'], '"My ""table"""'],
    [['public', 'x.y'], '"public"."x.y"'],
    [['"; drop table x; --'], '"""; drop table x; --"'],
  ])('%j is %s', (parts, quoted) => {
    expect(quoteIdentifier(...parts)).toBe(quoted)
  })

  test.each([[[]], [['']], [[5 as never]]])('%j is refused', (parts) => {
    expect(() => quoteIdentifier(...parts)).toThrow(ProgrammingError)
  })

  test('NUL and half a surrogate pair are refused', () => {
    expect(() => quoteIdentifier('a\0b')).toThrow(DataError)
    expect(() => quoteIdentifier('\ud800')).toThrow(DataError)
  })
})

describe('literals', () => {
  test.each([
    ["it's", "'it''s'"],
    ['a\\b', " E'a\\\\b'"],
    ["\\' or 1=1 --", " E'\\\\'' or 1=1 --'"],
    [5, '5'],
    [-5, '(-5)'],
    [-0, "'-0'::float8"],
    [NaN, "'NaN'::float8"],
    [-Infinity, "'-Infinity'::float8"],
    [-5n, '(-5)'],
    [true, 'true'],
    [null, 'null'],
    [Buffer.from([0, 255]), "'\\x00ff'::bytea"],
    [new Date('2024-02-29T01:02:03.004Z'), "'2024-02-29T01:02:03.004Z'::timestamptz"],
    [new Date('+012024-02-29T00:00:00Z'), "'12024-02-29T00:00:00.000Z'::timestamptz"],
    [new Date('-000043-03-15T00:00:00Z'), "'0044-03-15T00:00:00.000Z BC'::timestamptz"],
    [new PgDate(-43, 3, 15), "'0044-03-15 BC'::date"],
    [new PgTimeTz(1, 2, 3, 4, -60), "'01:02:03.000004-00:01'::timetz"],
    [new PgInterval(14, -3, 1n), "'P1Y2M-3DT0.000001S'::interval"],
    [[1, [2], 'x'], "array[1, array[2], 'x']"],
  ])('%o is %s', (value, quoted) => {
    expect(quoteLiteral(value)).toBe(quoted)
  })

  test.each([[{}], [Symbol('s')], [() => 1], [undefined], [new Date(NaN)], [[]], ['\0'], ['\udc00'], [new Map()]])(
    '%o is refused',
    (value) => {
      expect(() => quoteLiteral(value)).toThrow(DataError)
    },
  )
})
