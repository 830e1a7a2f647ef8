/**
 * The options about rows: for a connection, for a cursor, for one call. The most specific one wins. They are checked when they
 * are given, before anything is sent.
 */
import { ProgrammingError } from '../errors/tree.ts'
import type { OptionNames } from '../options/known-options.ts'
import { describeValue } from '../errors/describe-value.ts'
import { Record } from './record.ts'
import type { CallTypes } from './call-types.ts'
import { resultTypes } from './result-types.ts'
import type { RecordClass, RowFactory, RowShapeOptions } from './row-shapes.ts'

/** How the rows of a call, a cursor or a connection are made. */
export interface RowOptions<T = unknown> {
  /**
   * How rows are made: `'record'` (default), `'array'`, `'object'`, or a function that takes the columns and returns a
   * function of the values. That function may keep the array it gets.
   */
  readonly rowFactory?: RowFactory<T> | undefined
  /** A subclass of Record for the rows. It may have methods and accessors; a column with the same name wins. */
  readonly recordClass?: RecordClass | undefined
  /** `'error'` refuses a result in which a column name occurs twice. Default: the last column has the name. */
  readonly duplicates?: 'last' | 'error' | undefined
  /**
   * Other JavaScript forms of values: `{ int8: 'number', date: 'string' }` by type, or `'temporal'`. `'text'` gives every
   * value as the server prints it. A function takes a type's OID and returns a parser of that text, or undefined to leave the
   * type as it is.
   */
  readonly types?: CallTypes | undefined
}

/** Options for rows that are not Records: their TypeScript type comes from the row factory. */
export interface OtherRows<R> {
  readonly rowFactory: Exclude<RowFactory<R>, 'record'>
}

/** The names of these options, for the lists of the methods that take them. */
export const ROW_OPTION_NAMES: OptionNames<Required<RowOptions>> = {
  rowFactory: { accepts: isRowFactory, wanted: "'record', 'array', 'object' or a function" },
  recordClass: { accepts: isRecordClass, wanted: 'a subclass of Record' },
  duplicates: { accepts: (value) => value === 'last' || value === 'error', wanted: "'last' or 'error'" },
  types: {
    accepts: (value) => value !== null && ['string', 'object', 'function'].includes(typeof value),
    wanted: "forms by type name or 'temporal'",
  },
}

/** The default: Records. It is one object, because decoders are looked up by the identity of their options. */
export const RECORD_ROWS: RowShapeOptions = Object.freeze({})

/** Records with values in the same forms; for rows that have already arrived in the formats of these forms. */
export function recordsLike({ types }: RowShapeOptions): RowShapeOptions {
  return types === undefined ? RECORD_ROWS : { types }
}

/** For calls that need only a value of a row, so that it does not matter how rows are made. */
export const VALUE_ROWS = { rowFactory: 'record', recordClass: Record, duplicates: 'last' } as const

/**
 * Combines the options of a call with those of the connection or cursor around it.
 * @throws ProgrammingError for a value that the option does not have.
 */
export function rowOptions(own: RowOptions | undefined, outer: RowShapeOptions, method: string): RowShapeOptions {
  if (own === undefined) return outer
  const { rowFactory, recordClass, duplicates } = own
  const types = own.types === undefined ? outer.types : resultTypes(own.types, method)
  if (rowFactory === undefined && recordClass === undefined && duplicates === undefined) {
    return types === outer.types ? outer : { ...outer, types }
  }
  checkRowFactory(rowFactory, method)
  checkRecordClass(recordClass, method)
  if (duplicates !== undefined && duplicates !== 'last' && duplicates !== 'error') {
    throw new ProgrammingError(`${method}: duplicates: expected 'last' or 'error', got ${describeValue(duplicates)}`)
  }
  if (recordClass !== undefined && rowFactory !== undefined && rowFactory !== 'record') {
    throw new ProgrammingError(`${method}: recordClass works only with rows that are Records, not with this rowFactory`)
  }
  // A recordClass implies Records, whatever row factory the connection has.
  const factory = rowFactory ?? (recordClass === undefined ? outer.rowFactory : 'record')
  const isRecord = factory === undefined || factory === 'record'
  return plainest({
    rowFactory: isRecord ? undefined : factory,
    recordClass: isRecord ? (recordClass ?? outer.recordClass) : undefined,
    duplicates: duplicates ?? outer.duplicates,
    types,
  })
}

/** Removes options that have their default value, so that equal options use the same decoder. */
function plainest({ rowFactory, recordClass, duplicates, types }: RowShapeOptions): RowShapeOptions {
  const shape = {
    rowFactory,
    recordClass: recordClass === Record ? undefined : recordClass,
    duplicates: duplicates === 'last' ? undefined : duplicates,
    types,
  }
  return Object.values(shape).every((value) => value === undefined) ? RECORD_ROWS : shape
}

function isRowFactory(value: unknown): boolean {
  return typeof value === 'function' || ['record', 'array', 'object'].includes(value as string)
}

function isRecordClass(value: unknown): boolean {
  return value === Record || (typeof value === 'function' && value.prototype instanceof Record)
}

function checkRowFactory(rowFactory: unknown, method: string): void {
  if (rowFactory === undefined || isRowFactory(rowFactory)) return
  throw new ProgrammingError(
    `${method}: rowFactory: expected 'record', 'array', 'object' or a function, got ${describeValue(rowFactory)}`,
  )
}

function checkRecordClass(recordClass: unknown, method: string): void {
  if (recordClass === undefined || isRecordClass(recordClass)) return
  throw new ProgrammingError(`${method}: recordClass: expected a subclass of Record, got ${describeValue(recordClass)}`)
}
