/**
 * TypeScript types for rows; nothing here runs. The program declares its columns, and these types add access by name and by
 * position.
 */
import type { Record } from './record.ts'

/** Members that every row has beside its columns. A column with the same name wins. */
export interface RecordBase<V = unknown> {
  readonly length: number
  /**
   * The value at a position, counted from the end when negative; undefined outside.
   * @example row.at(-1) // 3
   */
  at(position: number): V | undefined
  /**
   * A value by name or position; `missing` when there is no such column.
   * @example row.get('color', 'none') // 'none'
   */
  get(key: string | number, missing?: unknown): V | undefined
  /**
   * Whether there is a column of that name or position.
   * @example row.has('price') // true
   */
  has(key: string | number): boolean
  /**
   * Column names in order, duplicates included.
   * @example [...row.keys()] // [ 'id', 'name', 'price' ]
   */
  keys(): IterableIterator<string>
  /**
   * The values in order.
   * @example [...row.values()] // [ 1, 'tea', 3 ]
   */
  values(): IterableIterator<V>
  /**
   * Pairs of name and value in order.
   * @example Object.fromEntries(row.entries()) // { id: 1, name: 'tea', price: 3 }
   */
  entries(): IterableIterator<[string, V]>
  /**
   * A plain object; of columns with one name the last wins.
   * @example row.toObject() // { id: 1, name: 'tea', price: 3 }
   */
  toObject(): { [column: string]: V }
  /**
   * The values as an array.
   * @example row.toArray() // [ 1, 'tea', 3 ]
   */
  toArray(): V[]
  /** @example JSON.stringify(row) // '{"id":1,"name":"tea","price":3}' */
  toJSON(): unknown
  /** @example const [id, name] = row // 1, 'tea' */
  [Symbol.iterator](): IterableIterator<V>
}

/** A row with typed positions: the first value of `[bigint, string]` is a bigint. */
export type PositionalRow<T extends readonly unknown[]> = {
  readonly [K in Extract<keyof T, `${number}`>]: T[K]
} & {
  readonly length: T['length']
  /** The types of values by name are unknown. */
  readonly [column: string]: unknown
} & Omit<RecordBase<T[number]>, 'length'>

/** A row with typed names. */
export type NamedRow<T> = Readonly<T> & Omit<RecordBase<T[keyof T]>, keyof T>

/**
 * The row type of `fetch<T>()`. `T` declares the columns by name, `{ id: bigint; name: string }`, or by position,
 * `[bigint, string]`. A class of rows, and a type that is no object, stays as it is.
 */
export type RowOf<T> = T extends Record
  ? T
  : T extends readonly unknown[]
    ? number extends T['length']
      ? T
      : PositionalRow<T>
    : T extends object
      ? NamedRow<T>
      : T

/** The row type of an object, such as a prepared statement, unless the call gives another one. */
export type Kept<T, R> = [R] extends [never] ? T : RowOf<R>
