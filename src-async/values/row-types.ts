/**
 * What TypeScript is told of rows. Nothing here runs: the program says what its columns are, and the types give rows
 * that shape by name and by position.
 */
import type { Record } from './record.ts'

/** What every row has beside its columns; a column of the same name wins. */
export interface RecordBase<V = unknown> {
  readonly length: number
  /** The value at a position, counted from the end when negative; undefined outside. */
  at(position: number): V | undefined
  /** A value by name or position; `missing` when there is no such column. */
  get(key: string | number, missing?: unknown): V | undefined
  /** Whether there is a column of that name or position. */
  has(key: string | number): boolean
  /** Column names in order, duplicates included. */
  keys(): IterableIterator<string>
  /** The values in order. */
  values(): IterableIterator<V>
  /** Pairs of name and value in order. */
  entries(): IterableIterator<[string, V]>
  /** A plain object; of columns with one name the last wins. */
  toObject(): { [column: string]: V }
  /** The values as an array. */
  toArray(): V[]
  toJSON(): unknown
  [Symbol.iterator](): IterableIterator<V>
}

/** Rows with their values by position: of `[bigint, string]` the first is a bigint. */
export type PositionalRow<T extends readonly unknown[]> = {
  readonly [K in Extract<keyof T, `${number}`>]: T[K]
} & {
  readonly length: T['length']
  /** By name nothing is known of the values. */
  readonly [column: string]: unknown
} & Omit<RecordBase<T[number]>, 'length'>

/** Rows with their values by name. */
export type NamedRow<T> = Readonly<T> & Omit<RecordBase<T[keyof T]>, keyof T>

/**
 * The row of `fetch<T>()`: `T` says its columns, by name `{ id: bigint; name: string }` or by position
 * `[bigint, string]`. A class of rows, and what is no object, is left as it is.
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
