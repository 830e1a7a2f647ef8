/** What a program may say about the JavaScript forms of values: for a connection, and for one call. */
import type { TemporalNamespace } from './calendar.ts'

type Parser = (text: string) => unknown
type TextForm = 'string' | Parser
type TimeForm = 'string' | 'temporal' | Parser

/**
 * By type name: a form, or a function of the server's text. Beside the types' names there is `temporal`. Any built-in type has the
 * form `'string'`; those that are named here are the usual ones.
 */
export interface TypeOptions {
  /** All types that have a form in Temporal: true for the global `Temporal`, or a polyfill's namespace. */
  readonly temporal?: boolean | TemporalNamespace
  /** `'auto'`: a number where it is exact, else a bigint. */
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
 * Finds a parser by a type's OID; undefined or null leaves the type as the connection has it. Asked once for each column
 * of a statement, and the answer is kept with the statement: pass another function when the answers are others.
 */
export interface TypeParsers {
  (typeOid: number): ((text: string) => unknown) | null | undefined
  /** It has a parser for every type, so that a new text can be asked for its rows as text before its columns are known. */
  readonly isTotal?: boolean
}

/**
 * Other JavaScript forms than usual: `{ int8: 'number' }` by type; `'temporal'`; `'text'` gives every value of the rows as
 * the server prints it; a function gives parsers of the server's text by OID.
 */
export type CallTypes = 'text' | 'temporal' | TypeOptions | TypeParsers

/** The option in the form that flows compare: equal options are one object. */
export type ResultTypes = 'text' | TypeOptions | TypeParsers
