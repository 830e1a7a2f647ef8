/**
 * TypeScript types for rows; nothing here runs. The program declares its columns, and these types add access by name and by
 * position.
 */
import type { Record } from './record.ts'

/** Members that every row has beside its columns. A column with the same name wins. */
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

/** The rows of an object that has a row type of its own, unless the call says another one. */
export type Kept<T, R> = [R] extends [never] ? T : RowOf<R>
