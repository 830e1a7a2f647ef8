/** Rows: how a Record behaves, whatever the names of its columns are, and the other row factories. */
import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { DataError, ProgrammingError } from '../../../src-async/errors/tree.ts'
import { Record, type Row, pick } from '../../../src-async/values/record.ts'
import { shapeFor, type RowShapeOptions } from '../../../src-async/values/row-shapes.ts'

function columnsOf(names: readonly string[]) {
  return names.map((name) => ({ name, tableOid: 0, tableColumn: 0, typeOid: 25, typeSize: -1, typeModifier: -1 }))
}

function rowOf(values: { readonly [name: string]: unknown }, options?: RowShapeOptions): Row {
  return row(Object.keys(values), Object.values(values), options)
}

function row(names: readonly string[], values: unknown[], options?: RowShapeOptions): Row {
  return shapeFor(columnsOf(names), options).make(values)
}

describe('a record', () => {
  const it = rowOf({ id: 5n, name: 'x', last: null })

  test('is read by name, by position and from the end', () => {
    expect([it.id, it['name'], it[0], it[2], it.at(-2), it.get('id'), it.get(1)]).toEqual([
      5n,
      'x',
      5n,
      null,
      'x',
      5n,
      'x',
    ])
  })

  test('gives undefined or the given value for a column that does not exist', () => {
    expect([it[3], it.at(3), it.at(-4), it['nothing'], it.get('nothing'), it.get('nothing', 7), it.get(9, 8)]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      7,
      8,
    ])
  })

  test('iterates and destructures its values in order', () => {
    const [id, name] = it
    expect([id, name, ...it, Array.from(it).length, it.length]).toEqual([5n, 'x', 5n, 'x', null, 3, 3])
  })

  test('has its columns and nothing else as own enumerable properties', () => {
    expect([Object.keys(it), { ...it }, 'name' in it, it.has('name'), it.has('nope')]).toEqual([
      ['id', 'name', 'last'],
      { id: 5n, name: 'x', last: null },
      true,
      true,
      false,
    ])
  })

  test('lists keys, values and entries, and turns into an object and an array', () => {
    expect([...it.keys()]).toEqual(['id', 'name', 'last'])
    expect([...it.values()]).toEqual([5n, 'x', null])
    expect([...it.entries()]).toEqual([
      ['id', 5n],
      ['name', 'x'],
      ['last', null],
    ])
    expect(it.toObject()).toStrictEqual({ id: 5n, name: 'x', last: null })
    expect(it.toArray()).toStrictEqual([5n, 'x', null])
  })

  test('prints as Record { … }', () => {
    expect(inspect(it)).toBe("Record { id: 5n, name: 'x', last: null }")
  })

  test('is loosely equal to a literal, and strictly equal to another row of the same columns', () => {
    assert.notDeepStrictEqual(it, { id: 5n, name: 'x', last: null })
    expect(it).toEqual({ id: 5n, name: 'x', last: null })
    assert.deepStrictEqual(it, rowOf({ id: 5n, name: 'x', last: null }))
    assert.equal(Object.getPrototypeOf(it), Object.getPrototypeOf(rowOf({ id: 1, name: 2, last: 3 })))
  })

  test('is a plain object after structuredClone', () => {
    expect(structuredClone(it)).toStrictEqual({ id: 5n, name: 'x', last: null })
  })

  test('becomes JSON without a loss and without an error', () => {
    const values = {
      a: 5n,
      b: 2n ** 60n,
      c: Infinity,
      d: Buffer.from([0, 255]),
      e: new Date(0),
      f: [1n, [NaN]],
      g: { h: 1 },
    }
    expect(JSON.stringify(rowOf(values))).toBe(
      '{"a":5,"b":"1152921504606846976","c":"Infinity","d":"\\\\x00ff","e":"1970-01-01T00:00:00.000Z","f":[1,["NaN"]],"g":{"h":1}}',
    )
    expect(JSON.stringify([rowOf({ inner: rowOf({ n: 1n }) })])).toBe('[{"inner":{"n":1}}]')
  })

  test('without columns is empty', () => {
    const empty = row([], [])
    expect([inspect(empty), empty.length, [...empty], JSON.stringify(empty)]).toEqual(['Record {}', 0, [], '{}'])
  })
})

describe('a column hides a member of the same name', () => {
  const names = [
    'length',
    'get',
    'toJSON',
    'then',
    '__proto__',
    'constructor',
    'toString',
    'at',
    '?column?',
    '😀',
    'values',
    'hasOwnProperty',
    '',
  ]
  const values = names.map((_, i) => i)
  const it = row(names, values)

  test.each(names.map((name, i) => [name, i]))('%s is its value', (name, i) => {
    expect([(it as { [key: string]: unknown })[name], it[i as number], Record.get(it, name as string)]).toEqual([
      i,
      i,
      i,
    ])
  })

  test('all keys exist, in order', () => {
    expect(Object.keys(it)).toEqual(names)
    expect([...it]).toEqual(values)
    expect([...Record.keys(it)]).toEqual(names)
  })

  test('the static functions work where columns hide the methods', () => {
    expect([Record.size(it), Record.at(it, -1), Record.toArray(it)]).toEqual([names.length, names.length - 1, values])
    expect(Object.keys(Record.toObject(it))).toEqual(names)
    expect(Object.getPrototypeOf(Record.toObject(it))).toBe(Object.prototype)
    expect(JSON.parse(Record.stringify(it))['length']).toBe(0)
  })

  test('a row with such columns can be awaited and printed', async () => {
    expect(await it).toBe(it)
    expect(`${it}`).toContain('"then":3')
    expect(() => inspect(it)).not.toThrow()
    expect(JSON.stringify(row(['toJSON'], ['x']))).toBe('{"toJSON":"x"}')
  })
})

describe('duplicate and numeric names', () => {
  test('of columns with one name the last is read by name, and each by position', () => {
    const it = row(['a', 'b', 'a'], [1, 2, 3])
    expect([it['a'], it[0], it[1], it[2], [...it], Object.keys(it).sort()]).toEqual([3, 1, 2, 3, [1, 2, 3], ['a', 'b']])
    expect([...Record.entries(it)]).toEqual([
      ['a', 1],
      ['b', 2],
      ['a', 3],
    ])
    expect([inspect(it), JSON.stringify(it)]).toEqual(['Record { b: 2, a: 3 }', '{"a":3,"b":2}'])
  })

  test('columns with one name are refused if the option says so', () => {
    expect(() => row(['a', 'a'], [1, 2], { duplicates: 'error' })).toThrow(DataError)
  })

  test('a number is a position and a string is a name', () => {
    const it = row(['1', '0', '7'], ['one', 'zero', 'seven'])
    expect([it[0], it[1], it[2], it[7], Record.get(it, '0'), Record.get(it, '1'), it.get(0)]).toEqual([
      'one',
      'zero',
      'seven',
      'seven',
      'zero',
      'one',
      'one',
    ])
    expect(it.toObject()).toEqual({ 0: 'zero', 1: 'one', 7: 'seven' })
  })

  test('1,600 columns', () => {
    const names = Array.from({ length: 1600 }, (_, i) => `c${i}`)
    const it = row(
      names,
      names.map((_, i) => i),
    )
    expect([it['c1599'], it[1599], it.at(-1), it.length, [...it].length]).toEqual([1599, 1599, 1599, 1600, 1600])
  })
})

describe('other rows', () => {
  class Person extends Record {
    declare readonly name: string
    get shout(): string {
      return this.name.toUpperCase()
    }
    set shout(_: string) {
      throw new Error('the setter must not be reached')
    }
  }

  test('a record class gives its methods, and its name in print', () => {
    const it = rowOf({ name: 'ann' }, { recordClass: Person }) as unknown as Person
    expect([it.shout, it instanceof Person, inspect(it)]).toEqual(['ANN', true, "Person { name: 'ann' }"])
  })

  test('a column hides an accessor of a record class', () => {
    expect(rowOf({ shout: 'column' }, { recordClass: Person })['shout']).toBe('column')
  })

  test('a record class must be a subclass of Record', () => {
    expect(() => rowOf({ a: 1 }, { recordClass: Date as never })).toThrow(ProgrammingError)
  })

  test('arrays, objects and functions as row factories', () => {
    expect(rowOf({ a: 1, b: 2 }, { rowFactory: 'array' })).toStrictEqual([1, 2])
    expect(rowOf({ a: 1, b: 2 }, { rowFactory: 'object' })).toStrictEqual({ a: 1, b: 2 })
    expect(Object.keys(row(['__proto__'], [1], { rowFactory: 'object' }))).toEqual(['__proto__'])
    const rowFactory = (columns: readonly { name: string }[]) => (values: unknown[]) =>
      new Map(columns.map((c, i) => [c.name, values[i]]))
    expect(rowOf({ a: 1 }, { rowFactory })).toStrictEqual(new Map([['a', 1]]))
    expect(() => rowOf({ a: 1 }, { rowFactory: 'tuple' as never })).toThrow(ProgrammingError)
    expect(() => rowOf({ a: 1 }, { rowFactory: (() => 1) as never })).toThrow(ProgrammingError)
  })
})

test.each([[['a', 'b']], [{ x: 'a', y: 'b' }]])('picking a column that %j does not have throws', (row) => {
  expect([pick(row, 1), pick(row, -2)]).toEqual(['b', 'a'])
  expect(() => pick(row, 2)).toThrow(RangeError)
  expect(() => pick(row, -3)).toThrow(RangeError)
})
