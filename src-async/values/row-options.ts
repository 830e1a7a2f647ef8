/**
 * What a program may say about its rows: for a connection, for a cursor, for one call. The nearer says more. Checked
 * where it is said, before anything is sent.
 */
import { ProgrammingError } from '../errors/tree.ts'
import { describeValue } from './describe-value.ts'
import { Record } from './record.ts'
import type { CallTypes } from './call-types.ts'
import { resultTypes } from './result-types.ts'
import type { RecordClass, RowFactory, RowShapeOptions } from './row-shapes.ts'

/** How the rows of a call, a cursor or a connection are made. */
export interface RowOptions<T = unknown> {
  /**
   * How rows are made: `'record'` at first; `'array'`, `'object'` by name; or a function of the columns that gives a
   * function of the values. It may keep the array it is given.
   */
  readonly rowFactory?: RowFactory<T> | undefined
  /** A subclass of Record to make rows of; it may have methods and accessors, a column of the same name wins. */
  readonly recordClass?: RecordClass | undefined
  /** `'error'` refuses results in which a column name occurs twice; at first the last of them has the name. */
  readonly duplicates?: 'last' | 'error' | undefined
  /**
   * Other JavaScript forms than usual: `{ int8: 'number', date: 'string' }` by type, or `'temporal'`. `'text'` gives every
   * value as the server prints it; a function gives parsers of that text by a type's OID, and undefined for types to be
   * left as they are.
   */
  readonly types?: CallTypes | undefined
}

/** Rows made by something else than a class of Records: their type is the factory's. */
export interface OtherRows<R> {
  readonly rowFactory: Exclude<RowFactory<R>, 'record'>
}

/** The keys of these options, for those who check all keys. */
export const ROW_OPTION_KEYS = ['rowFactory', 'recordClass', 'duplicates', 'types'] as const

/** The default: Records. One object, because decoders are kept by the options they were made for. */
export const RECORD_ROWS: RowShapeOptions = Object.freeze({})

/** Records of values in the same forms: of rows that have come already, whose bytes are in the formats of these forms. */
export function recordsLike({ types }: RowShapeOptions): RowShapeOptions {
  return types === undefined ? RECORD_ROWS : { types }
}

/** Of a row only a value is wanted: how rows are made does not matter. */
export const VALUE_ROWS = { rowFactory: 'record', recordClass: Record, duplicates: 'last' } as const

/**
 * The options to use where `outer` hold and `own` are nearer.
 * @throws ProgrammingError for what is none of the options' values.
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
    throw new ProgrammingError(`${method}: recordClass is for rows that are Records, not for this rowFactory`)
  }
  // A class asks for Records, whatever else was usual.
  const factory = rowFactory ?? (recordClass === undefined ? outer.rowFactory : 'record')
  const isRecord = factory === undefined || factory === 'record'
  return plainest({
    rowFactory: isRecord ? undefined : factory,
    recordClass: isRecord ? (recordClass ?? outer.recordClass) : undefined,
    duplicates: duplicates ?? outer.duplicates,
    types,
  })
}

/** Defaults in words are the default: decoders are found by what is asked for. */
function plainest({ rowFactory, recordClass, duplicates, types }: RowShapeOptions): RowShapeOptions {
  const shape = {
    rowFactory,
    recordClass: recordClass === Record ? undefined : recordClass,
    duplicates: duplicates === 'last' ? undefined : duplicates,
    types,
  }
  return Object.values(shape).every((value) => value === undefined) ? RECORD_ROWS : shape
}

function checkRowFactory(rowFactory: unknown, method: string): void {
  const isKnown = rowFactory === undefined || ['record', 'array', 'object'].includes(rowFactory as string)
  if (isKnown || typeof rowFactory === 'function') return
  throw new ProgrammingError(
    `${method}: rowFactory: expected 'record', 'array', 'object' or a function, got ${describeValue(rowFactory)}`,
  )
}

function checkRecordClass(recordClass: unknown, method: string): void {
  if (recordClass === undefined || recordClass === Record) return
  if (typeof recordClass === 'function' && recordClass.prototype instanceof Record) return
  throw new ProgrammingError(`${method}: recordClass: expected a subclass of Record, got ${describeValue(recordClass)}`)
}
