/**
 * What TypeScript is told of rows. Nothing here runs: the program says what its columns are, and the types give rows
 * that shape by name and by position.
 */
import type { Record } from './record.ts'

/** What every row has beside its columns; a column of the same name wins. */
export interface RecordBase<V = unknown> {
  readonly length: number
  at(position: number): V | undefined
  get(key: string | number, missing?: unknown): V | undefined
  has(key: string | number): boolean
  keys(): IterableIterator<string>
  values(): IterableIterator<V>
  entries(): IterableIterator<[string, V]>
  toObject(): { [column: string]: V }
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

/** The rows of an object that has a row type of its own, unless the call says another one. */
export type Kept<T, R> = [R] extends [never] ? T : RowOf<R>
