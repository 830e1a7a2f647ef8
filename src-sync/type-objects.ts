/**
 * PEP 249's type objects: sets of type OIDs that a column's type code is compared with. JavaScript's `==` cannot be
 * overloaded, so use `equals` or `column.is(db.NUMBER)`. Some types are in none of the five: json, arrays, ranges,
 * boolean, geometry.
 */
import { builtInNameOf } from '../src-async/values/built-in-codecs.ts'
import { BUILT_IN_TYPES } from '../src-async/values/oids.ts'

/**
 * PEP 249's type object: it equals the OIDs of several types.
 * @example
 *   const JSON_TYPES = new db.TypeObject('JSON', ['json', 'jsonb'])
 *   cur.execute(`select '{}'::jsonb`)
 *   console.log(cur.description[0].is(JSON_TYPES)) // true
 */
export class TypeObject {
  /** The name of the type object, such as `STRING` or `NUMBER`. */
  readonly name: string
  readonly #given: readonly string[]
  #known: ReadonlySet<number> | null = null

  /** @param typeNames names of built-in types, as in pg_type */
  constructor(name: string, typeNames: readonly string[]) {
    this.name = name
    this.#given = typeNames
  }

  /** The OIDs are computed on first use, because most programs never need them. */
  get #oids(): ReadonlySet<number> {
    return (this.#known ??= oidsOf(this.#given))
  }

  /**
   * Whether a type code (`column.typeCode`, an OID) belongs to this type object, or whether another type object is this
   * one.
   * @example
   *   cur.execute('select name, price from item')
   *   console.log(db.NUMBER.equals(cur.description[1].typeCode)) // true
   */
  equals(other: number | TypeObject): boolean {
    return typeof other === 'number' ? this.#oids.has(other) : other === this
  }

  /**
   * Whether a type's OID belongs to this type object.
   * @example console.log(db.NUMBER.includes(23)) // true
   */
  includes(oid: number): boolean {
    return this.#oids.has(oid)
  }

  /** The names of the types of this type object. */
  get typeNames(): string[] {
    return [...this.#oids].map((oid) => builtInNameOf(oid) ?? String(oid))
  }

  /**
   * The name of the type object.
   * @example console.log(String(db.NUMBER)) // NUMBER
   */
  toString(): string {
    return this.name
  }

  /**
   * The name of the type object, for `JSON.stringify`.
   * @example console.log(JSON.stringify({ kind: db.NUMBER })) // {"kind":"NUMBER"}
   */
  toJSON(): string {
    return this.name
  }
}

function oidsOf(typeNames: readonly string[]): Set<number> {
  const oids = new Set<number>()
  for (const line of BUILT_IN_TYPES.trim().split('\n')) {
    const [name = '', oid] = line.split(' ')
    if (typeNames.includes(name)) oids.add(Number(oid))
  }
  return oids
}

const TEXTS = ['text', 'varchar', 'bpchar', 'name', 'char', 'xml', 'unknown', 'cstring', 'refcursor', 'jsonpath']
const IDS = ['uuid', 'money', 'bit', 'varbit', 'inet', 'cidr', 'macaddr', 'macaddr8', 'pg_lsn', 'xid8', 'aclitem']
const SEARCH = ['tsvector', 'tsquery', 'pg_snapshot', 'txid_snapshot']
const NAMES_OF_OBJECTS = ['regproc', 'regprocedure', 'regoper', 'regoperator', 'regclass', 'regtype', 'regconfig']
const MORE_NAMES_OF_OBJECTS = ['regdictionary', 'regnamespace', 'regrole', 'regcollation']

/** Types whose values arrive as strings. Enums are in no type object, because their OIDs differ between databases. */
export const STRING = new TypeObject('STRING', [
  ...TEXTS,
  ...IDS,
  ...SEARCH,
  ...NAMES_OF_OBJECTS,
  ...MORE_NAMES_OF_OBJECTS,
])

/** `bytea`. */
export const BINARY = new TypeObject('BINARY', ['bytea'])

/** Integers, `numeric` and floats. */
export const NUMBER = new TypeObject('NUMBER', ['int2', 'int4', 'int8', 'float4', 'float8', 'numeric'])

/** Dates, times, timestamps and intervals. */
export const DATETIME = new TypeObject('DATETIME', ['date', 'time', 'timetz', 'timestamp', 'timestamptz', 'interval'])

/** `oid` and `tid`. */
export const ROWID = new TypeObject('ROWID', ['oid', 'tid'])
