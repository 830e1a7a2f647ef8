/** The options about the JavaScript forms of values, for a connection and for one call. */
import type { TemporalNamespace } from './calendar.ts'

type Parser = (text: string) => unknown
type TextForm = 'string' | Parser
type TimeForm = 'string' | 'temporal' | Parser

/**
 * Forms by type name: the name of a form, or a function that parses the server's text. `temporal` is an option, not a type.
 * Every built-in type has the form `'string'`; the types listed here are the usual ones.
 */
export interface TypeOptions {
  /** Temporal's objects for all types that have them: true for the global `Temporal`, or a polyfill's namespace. */
  readonly temporal?: boolean | TemporalNamespace
  /** `'auto'`: a number when it is exact, otherwise a bigint. */
  readonly int8?: 'bigint' | 'number' | 'auto' | TextForm
  /** Default: `'string'`, which loses no digit. */
  readonly numeric?: TextForm
  /** Default: a number. */
  readonly float8?: TextForm
  /** Default: a string, as the server prints it. */
  readonly money?: TextForm
  /** Default: a boolean. */
  readonly bool?: TextForm
  /** Default: a `Buffer`. */
  readonly bytea?: TextForm
  /** What `JSON.parse` gives at first. */
  readonly json?: TextForm
  /** What `JSON.parse` gives at first. */
  readonly jsonb?: TextForm
  /** A string at first. */
  readonly uuid?: TextForm
  /** A string at first. */
  readonly inet?: TextForm
  /** Default: a `PgDate`. */
  readonly date?: TimeForm
  /** Default: a `PgTime`. */
  readonly time?: TimeForm
  /** Default: a `Date`, whose UTC fields are those of the column. */
  readonly timestamp?: TimeForm
  /** Default: a `Date`. */
  readonly timestamptz?: TimeForm
  /** Default: a `PgInterval`. */
  readonly interval?: TimeForm
  readonly [typeName: string]: 'bigint' | 'number' | 'auto' | TimeForm | boolean | TemporalNamespace | undefined
}

/**
 * Returns a parser for a type's OID; undefined or null leaves the type as it is on the connection. It is called once for each
 * column of a statement and the result is kept with the statement, so pass another function when the parsers change.
 */
export interface TypeParsers {
  (typeOid: number): ((text: string) => unknown) | null | undefined
  /** Whether it has a parser for every type. Then rows of a new text can be requested as text before its columns are known. */
  readonly isTotal?: boolean
}

/**
 * Other JavaScript forms of values than the connection's. `{ int8: 'number' }` chooses by type; `'temporal'` gives Temporal's
 * objects; `'text'` gives every value as the server prints it; a function returns parsers of that text by OID.
 */
export type CallTypes = 'text' | 'temporal' | TypeOptions | TypeParsers

/** The option in the form that flows compare by identity: equal options are the same object. */
export type ResultTypes = 'text' | TypeOptions | TypeParsers
