/**
 * A row: columns by name as own properties, by position as accessors of the generated class, and in order by iteration. A
 * column always wins over a method, so adding a method never changes the meaning of `row.x`. Code for arbitrary column names
 * uses the static methods. Only `row-shapes.ts` makes rows.
 */
import { plainJson } from './plain-json.ts'

/** A row of the default row factory. */
export type Row = Record & { readonly [column: string]: unknown; readonly [position: number]: unknown }

/** The key under which a class of rows stores its layout. */
export const LAYOUT: unique symbol = Symbol('layout')
/** The key under which a row stores values that no property can hold: shadowed duplicates, and names that are positions. */
export const HIDDEN: unique symbol = Symbol('hidden')

/** How the positions of a row map to its properties. */
export interface RowLayout {
  readonly names: readonly string[]
  /** By position: the property that holds the value; null when the value is hidden. */
  readonly properties: readonly (string | null)[]
  /** By position: the index of a hidden value; -1 when a property holds the value. */
  readonly hidden: readonly number[]
  /** Name to position; the last column of a name wins. */
  readonly positions: ReadonlyMap<string, number>
}

const NO_COLUMNS: RowLayout = { names: [], properties: [], hidden: [], positions: new Map() }

interface Inner {
  readonly [LAYOUT]: RowLayout
  readonly [HIDDEN]?: readonly unknown[]
  readonly [property: string]: unknown
}

/** The value at an existing position. */
function valueIn(row: Inner, layout: RowLayout, position: number): unknown {
  const property = layout.properties[position]
  if (property !== null && property !== undefined) return row[property]
  return row[HIDDEN]?.[layout.hidden[position] ?? -1]
}

function positionOf(layout: RowLayout, key: string | number): number {
  if (typeof key === 'string') return layout.positions.get(key) ?? -1
  const position = key < 0 ? layout.names.length + key : key
  return Number.isInteger(position) && position >= 0 && position < layout.names.length ? position : -1
}

/**
 * A row: columns by name as properties, and by position as with an array. A column wins over a method of its name; the
 * static functions work whatever the columns are called.
 * @example
 *   class Item extends Record {
 *     get label() {
 *       return this.name + ': ' + this.price
 *     }
 *   }
 *   const item = con.fetchrow('select * from item', [], { recordClass: Item })
 *   console.log(item.label) // tea: 3
 */
export class Record {
  // Bundlers rename a class that refers to itself, and users see the name.
  static readonly name: string = 'Record'

  /**
   * The value at a position; a negative one counts from the end. undefined when there is no such position.
   * @example row.at(-1) // 3
   */
  at(position: number): unknown {
    return Record.at(this, position)
  }

  /** The number of columns. */
  get length(): number {
    return Record.size(this)
  }

  /**
   * The value of a column by name or position; `missing` when there is no such column.
   * @example row.get('color', 'none') // 'none'
   */
  get(key: string | number, missing?: unknown): unknown {
    return Record.get(this, key, missing)
  }

  /**
   * Whether there is a column with this name or position.
   * @example row.has('price') // true
   */
  has(key: string | number): boolean {
    return Record.has(this, key)
  }

  /**
   * Column names in order, duplicates included.
   * @example [...row.keys()] // [ 'id', 'name', 'price' ]
   */
  keys(): IterableIterator<string> {
    return Record.keys(this)
  }

  /**
   * The values in order.
   * @example [...row.values()] // [ 1, 'tea', 3 ]
   */
  values(): IterableIterator<unknown> {
    return Record.values(this)
  }

  /**
   * Pairs of name and value in order.
   * @example Object.fromEntries(row.entries()) // { id: 1, name: 'tea', price: 3 }
   */
  entries(): IterableIterator<[string, unknown]> {
    return Record.entries(this)
  }

  /** @example const [id, name] = row // 1, 'tea' */
  [Symbol.iterator](): IterableIterator<unknown> {
    return Record.values(this)
  }

  /**
   * A plain object by column name; the last one of several with the same name.
   * @example row.toObject() // { id: 1, name: 'tea', price: 3 }
   */
  toObject(): { [column: string]: unknown } {
    return Record.toObject(this)
  }

  /**
   * The values in order.
   * @example row.toArray() // [ 1, 'tea', 3 ]
   */
  toArray(): unknown[] {
    return Record.toArray(this)
  }

  /**
   * The form for `JSON.stringify`: safe bigints become numbers, others strings, bytes `\x…`, Infinity a word.
   * @example JSON.stringify(row) // '{"id":1,"name":"tea","price":3}'
   */
  toJSON(): unknown {
    return Record.toJSON(this)
  }

  /**
   * Without this, a row with a column called `toString` could not be printed in a template.
   * @example 'row: ' + con.fetchrow('select 1 as "toString"') // no TypeError
   */
  [Symbol.toPrimitive](hint: string): string | number {
    return hint === 'number' ? Number.NaN : Record.stringify(this)
  }

  /**
   * The value at a position, counted from the end when negative; undefined outside.
   * @example Record.at(row, -1) // 3
   */
  static at(row: Record, position: number): unknown {
    const layout = layoutOf(row)
    const found = positionOf(layout, Math.trunc(position))
    return found < 0 ? undefined : valueIn(row as unknown as Inner, layout, found)
  }

  /**
   * How many columns a row has.
   * @example Record.size(row) // 3
   */
  static size(row: Record): number {
    return layoutOf(row).names.length
  }

  /**
   * A value by name or position; `missing` when there is no such column.
   * @example Record.get(row, 'name') // 'tea'
   */
  static get(row: Record, key: string | number, missing?: unknown): unknown {
    const layout = layoutOf(row)
    const position = positionOf(layout, key)
    return position < 0 ? missing : valueIn(row as unknown as Inner, layout, position)
  }

  /**
   * Whether a row has a column of that name or position.
   * @example Record.has(row, 'price') // true
   */
  static has(row: Record, key: string | number): boolean {
    return positionOf(layoutOf(row), key) >= 0
  }

  /**
   * A row's column names in order, duplicates included.
   * @example [...Record.keys(row)] // [ 'id', 'name', 'price' ]
   */
  static keys(row: Record): IterableIterator<string> {
    return layoutOf(row).names[Symbol.iterator]() as IterableIterator<string>
  }

  /**
   * A row's values in order.
   * @example [...Record.values(row)] // [ 1, 'tea', 3 ]
   */
  static values(row: Record): IterableIterator<unknown> {
    return Record.toArray(row)[Symbol.iterator]()
  }

  /**
   * Pairs of name and value in order.
   * @example Object.fromEntries(Record.entries(row)) // { id: 1, name: 'tea', price: 3 }
   */
  static entries(row: Record): IterableIterator<[string, unknown]> {
    const { names } = layoutOf(row)
    const entries = Record.toArray(row).map((value, i): [string, unknown] => [names[i] ?? '', value])
    return entries.values()
  }

  /**
   * A row's values as an array.
   * @example Record.toArray(row) // [ 1, 'tea', 3 ]
   */
  static toArray(row: Record): unknown[] {
    const layout = layoutOf(row)
    const values: unknown[] = []
    for (let i = 0; i < layout.names.length; i += 1) values.push(valueIn(row as unknown as Inner, layout, i))
    return values
  }

  /**
   * A row as a plain object; of columns with one name the last wins.
   * @example Record.toObject(row) // { id: 1, name: 'tea', price: 3 }
   */
  static toObject(row: Record): { [column: string]: unknown } {
    const layout = layoutOf(row)
    const object: { [column: string]: unknown } = {}
    for (const [name, position] of layout.positions) {
      setOwn(object, name, valueIn(row as unknown as Inner, layout, position))
    }
    return object
  }

  /** @example Record.toJSON(con.fetchrow('select 1::int8 as n')) // { n: 1 } */
  static toJSON(row: Record): unknown {
    const layout = layoutOf(row)
    const object: { [column: string]: unknown } = {}
    for (const [name, position] of layout.positions) {
      setOwn(object, name, plainJson(valueIn(row as unknown as Inner, layout, position)))
    }
    return object
  }

  /**
   * `JSON.stringify` for a row with any column names, even `toJSON`.
   * @example Record.stringify(row) // '{"id":1,"name":"tea","price":3}'
   */
  static stringify(row: Record, space?: string | number): string {
    return JSON.stringify(Record.toJSON(row), null, space)
  }
}

function layoutOf(row: Record): RowLayout {
  return (row as unknown as Partial<Inner>)[LAYOUT] ?? NO_COLUMNS
}

/** Sets an own property even when a prototype has a setter with that name, such as `__proto__`. */
export function setOwn(object: object, name: string, value: unknown): void {
  if (name === '__proto__') {
    Object.defineProperty(object, name, { value, enumerable: true, writable: true, configurable: true })
  } else {
    ;(object as { [column: string]: unknown })[name] = value
  }
}

/** A value of a row of any kind, by position or name. @throws RangeError when there is no such column. */
export function pick(row: unknown, column: number | string): unknown {
  if (row instanceof Record) {
    if (Record.has(row, column)) return Record.get(row, column)
  } else if (typeof row === 'object' && row !== null) {
    const values = Array.isArray(row) ? row : Object.values(row)
    if (typeof column === 'number' && column < values.length && column >= -values.length) return values.at(column)
    if (typeof column === 'string' && Object.hasOwn(row, column)) return Reflect.get(row, column)
  }
  throw new RangeError(`the row has no column ${JSON.stringify(column)}`)
}

/** Values in order: an array, or a row of a result. */
export type Values = readonly unknown[] | Record

/** The values of a row as an array; an array stays as it is. */
export function listed(values: Values): readonly unknown[] {
  return values instanceof Record ? Record.toArray(values) : values
}
