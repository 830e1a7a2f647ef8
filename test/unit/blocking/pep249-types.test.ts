/** PEP 249: type objects, constructors and the description of columns. */
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { DataError } from '../../../src-async/errors/tree.ts'
import { builtInNameOf } from '../../../src-async/values/built-in-codecs.ts'
import { BUILT_IN_TYPES } from '../../../src-async/values/oids.ts'
import { PgDate } from '../../../src-async/values/pg-date.ts'
import { PgTime } from '../../../src-async/values/pg-time.ts'
import { PgTimestamp } from '../../../src-async/values/pg-timestamp.ts'
import { Column } from '../../../src-sync/column.ts'
import * as db from '../../../src-sync/constructors.ts'
import { BINARY, DATETIME, NUMBER, ROWID, STRING, type TypeObject } from '../../../src-sync/type-objects.ts'

const kinds = [STRING, BINARY, NUMBER, DATETIME, ROWID]
const oids = new Map(
  BUILT_IN_TYPES.trim()
    .split('\n')
    .map((line) => [line.split(' ')[0], Number(line.split(' ')[1])]),
)

function oid(name: string): number {
  const found = oids.get(name)
  if (found === undefined) throw new Error(`no type ${name}`)
  return found
}

describe('type objects', () => {
  const members: [TypeObject, string][] = [
    [NUMBER, 'int2 int4 int8 float4 float8 numeric'],
    [DATETIME, 'date time timetz timestamp timestamptz interval'],
    [BINARY, 'bytea'],
    [ROWID, 'oid tid'],
    [STRING, 'text varchar bpchar name char xml unknown uuid bit varbit money inet cidr macaddr macaddr8'],
  ]
  test.each(members)('%s equals the codes of %s', (kind, names) => {
    for (const name of names.split(' ')) expect([name, kind.equals(oid(name))]).toEqual([name, true])
  })

  test('a type code equals at most one type object', () => {
    for (const code of oids.values()) {
      const equal = kinds.filter((kind) => kind.equals(code)).map((kind) => `${builtInNameOf(code)} is ${kind}`)
      expect(equal.slice(1)).toEqual([])
    }
  })

  test.each(['bool', 'json', 'jsonb', 'point', 'int4range', 'record'])(
    'the type code of %s equals no type object',
    (name) => {
      expect(kinds.filter((kind) => kind.includes(oid(name)))).toEqual([])
    },
  )

  test('each type object equals only itself', () => {
    for (const kind of kinds) expect(kinds.filter((other) => kind.equals(other))).toEqual([kind])
  })

  test('every name in a type object is the name of a type', () => {
    expect(STRING.typeNames.length).toBeGreaterThan(30)
    expect([...NUMBER.typeNames].sort()).toEqual(['float4', 'float8', 'int2', 'int4', 'int8', 'numeric'])
  })
})

describe('constructors', () => {
  test('months count from 1', () => {
    expect(String(db.Date(2002, 12, 25))).toBe('2002-12-25')
    expect(db.Timestamp(2002, 12, 25, 13, 45, 30).toISOString()).toBe('2002-12-25T13:45:30.000Z')
  })

  test('return instances of the classes that columns return', () => {
    expect(db.Date(2002, 12, 25)).toBeInstanceOf(PgDate)
    expect(db.Time(13, 45, 30)).toEqual(new PgTime(13, 45, 30))
    expect(Object.getPrototypeOf(db.Timestamp(2002, 12, 25))).toBe(Date.prototype)
  })

  test('a year below 100 is not moved to the 20th century', () => {
    expect(db.Timestamp(33, 4, 3).toISOString()).toBe('0033-04-03T00:00:00.000Z')
  })

  test('microseconds survive', () => {
    const stamp = db.Timestamp(2024, 1, 2, 3, 4, 5, 678_901)
    expect(stamp).toBeInstanceOf(PgTimestamp)
    expect(stamp.toISOString()).toBe('2024-01-02T03:04:05.678901Z')
    expect(db.TimestampFromTicks(1_700_000_000.123456).toISOString()).toBe('2023-11-14T22:13:20.123456Z')
    expect(db.TimestampFromTicks(-0.000001).toISOString()).toBe('1969-12-31T23:59:59.999999Z')
  })

  test('dates and times from ticks are in the local time zone', () => {
    const ticks = 1_040_823_930
    const local = new Date(ticks * 1000)
    expect(db.DateFromTicks(ticks)).toEqual(new PgDate(local.getFullYear(), local.getMonth() + 1, local.getDate()))
    expect(db.TimeFromTicks(ticks)).toEqual(new PgTime(local.getHours(), local.getMinutes(), local.getSeconds()))
  })

  const impossible: [string, () => unknown][] = [
    ['a 13th month', () => db.Date(2002, 13, 1)],
    ['a 30 February', () => db.Timestamp(2002, 2, 30)],
    ['a 25th hour', () => db.Time(25, 0, 0)],
    ['a 61st second', () => db.Timestamp(2002, 1, 1, 0, 0, 60)],
    ['no ticks', () => db.TimestampFromTicks(Number.NaN)],
    ['ticks beyond time', () => db.DateFromTicks(1e20)],
    ['ticks of text', () => db.TimeFromTicks('1' as unknown as number)],
    ['bytes from a number', () => db.Binary(5 as unknown as string)],
    ['half a surrogate pair', () => db.Binary('\ud800')],
  ]
  test.each(impossible)('%s is a DataError', (_what, construct) => {
    expect(construct).toThrow(DataError)
  })

  test('Binary shares memory and encodes text', () => {
    const words = new Uint16Array([1, 2, 3]).subarray(1)
    const bytes = db.Binary(words)
    words[0] = 0x0102
    expect([...bytes]).toEqual([2, 1, 3, 0])
    expect([...db.Binary('é')]).toEqual([0xc3, 0xa9])
    expect(db.Binary(new ArrayBuffer(2))).toHaveLength(2)
    expect(db.Binary('🦊')).toHaveLength(4)
  })
})

function column(typeName: string, typeModifier = -1, typeSize = -1): Column {
  const place = { tableOid: 16_400, tableColumn: 2 }
  return new Column({ name: 'c', ...place, typeOid: oid(typeName), typeSize, typeModifier }, typeName)
}

const items: [string, Column, unknown[]][] = [
  ['int4', column('int4', -1, 4), ['c', 23, null, 4, null, null, null]],
  ['text', column('text'), ['c', 25, null, null, null, null, null]],
  ['varchar(20)', column('varchar', 24), ['c', 1043, 20, null, null, null, null]],
  ['char(1)', column('bpchar', 5), ['c', 1042, 1, null, null, null, null]],
  ['bit(8)', column('bit', 8), ['c', 1560, 8, null, null, null, null]],
  ['numeric', column('numeric'), ['c', 1700, null, null, null, null, null]],
  ['numeric(10,2)', column('numeric', ((10 << 16) | 2) + 4), ['c', 1700, null, null, 10, 2, null]],
  ['numeric(5,0)', column('numeric', (5 << 16) + 4), ['c', 1700, null, null, 5, 0, null]],
  ['numeric(3,-2)', column('numeric', ((3 << 16) | (-2 & 0x7ff)) + 4), ['c', 1700, null, null, 3, -2, null]],
  ['numeric(1000,1000)', column('numeric', ((1000 << 16) | 1000) + 4), ['c', 1700, null, null, 1000, 1000, null]],
  ['timestamptz(3)', column('timestamptz', 3, 8), ['c', 1184, null, 8, 3, null, null]],
  ['interval(2)', column('interval', (0x7fff << 16) | 2, 16), ['c', 1186, null, 16, 2, null, null]],
  ['interval', column('interval', -1, 16), ['c', 1186, null, 16, null, null, null]],
  ['interval year to month', column('interval', (6 << 16) | 0xffff, 16), ['c', 1186, null, 16, null, null, null]],
]

describe('a column', () => {
  test.each(items)('%s is a sequence of seven', (_type, found, expected) => {
    expect([...found]).toEqual(expected)
    expect(Array.from(found as unknown as ArrayLike<unknown>)).toEqual(expected)
    expect(found.length).toBe(7)
    expect(expected.map((_, index) => (found as unknown as unknown[])[index])).toEqual(expected)
  })

  test('has its items by name, and the items that PostgreSQL adds', () => {
    const { name, typeCode, precision, scale, nullOk, typeName, tableOid, tableColumn, typmod } = column(
      'numeric',
      655366,
    )
    expect({ name, typeCode, precision, scale, nullOk, typeName, tableOid, tableColumn, typmod }).toEqual({
      ...{ name: 'c', typeCode: 1700, precision: 10, scale: 2, nullOk: null },
      ...{ typeName: 'numeric', tableOid: 16_400, tableColumn: 2, typmod: 655_366 },
    })
  })

  test('can be compared with type objects', () => {
    expect([column('int4').is(NUMBER), column('int4').is(STRING)]).toEqual([true, false])
  })

  test('prints its type as SQL declares it, and is an object with names in JSON', () => {
    expect(inspect(column('numeric', 655366))).toBe("<Column 'c' numeric(10,2)>")
    expect(inspect(column('text'))).toBe("<Column 'c' text>")
    expect(JSON.parse(JSON.stringify(column('int4', -1, 4)))).toMatchObject({
      name: 'c',
      typeName: 'int4',
      internalSize: 4,
    })
  })
})
