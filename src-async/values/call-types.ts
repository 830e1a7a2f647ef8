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
  /** `'string'` at first, in which no digit is lost. */
  readonly numeric?: TextForm
  /** A number at first. */
  readonly float8?: TextForm
  /** A string at first, as the server prints it. */
  readonly money?: TextForm
  /** A boolean at first. */
  readonly bool?: TextForm
  /** A `Buffer` at first. */
  readonly bytea?: TextForm
  /** What `JSON.parse` gives at first. */
  readonly json?: TextForm
  /** What `JSON.parse` gives at first. */
  readonly jsonb?: TextForm
  /** A string at first. */
  readonly uuid?: TextForm
  /** A string at first. */
  readonly inet?: TextForm
  /** A `PgDate` at first. */
  readonly date?: TimeForm
  /** A `PgTime` at first. */
  readonly time?: TimeForm
  /** A `Date` at first, with the fields in UTC. */
  readonly timestamp?: TimeForm
  /** A `Date` at first. */
  readonly timestamptz?: TimeForm
  /** A `PgInterval` at first. */
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

/** The option in the form that flows compare: equal options are one object. */
export type ResultTypes = 'text' | TypeOptions | TypeParsers
