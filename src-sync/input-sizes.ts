/**
 * `setinputsizes` as type hints. It is PEP 249's way to declare parameter types before a statement runs, and it avoids
 * the error "could not determine data type of parameter $1". Names of types that are not built in are looked up each
 * time, because a type may have been dropped and created again with another OID.
 */
import { ProgrammingError } from '../src-async/errors/tree.ts'
import type { Flow } from '../src-async/flows/ask.ts'
import { fetchRows } from '../src-async/flows/run-statement.ts'
import { describeValue } from '../src-async/errors/describe-value.ts'
import { BYTEA_OID, OID_OID, TEXT_OID } from '../src-async/values/oids.ts'
import { Record } from '../src-async/values/record.ts'
import { builtInOidBySpelling } from '../src-async/values/type-names.ts'
import { RECORD_ROWS } from '../src-async/values/row-options.ts'
import type { Engine } from './engine.ts'
import { BINARY, ROWID, STRING, TypeObject } from './type-objects.ts'

/** A type given by its OID, for `setinputsizes`. Made by `oid()`. */
export class TypeOid {
  /** The OID of the type. */
  readonly oid: number

  constructor(oid: number) {
    this.oid = oid
  }
}

/**
 * Names a type by its OID, for `setinputsizes`: `cursor.setinputsizes([oid(23)])`. A plain number means a size in PEP
 * 249.
 * @example cur.setinputsizes([oid(1700)]) // numeric
 */
export function oid(value: number): TypeOid {
  if (Number.isInteger(value) && value > 0 && value < 2 ** 32) return new TypeOid(value)
  throw new ProgrammingError(`oid: expected the OID of a type, got ${describeValue(value)}`)
}

/**
 * The type of one parameter: a name (`'numeric'`, `'mood[]'`), `oid(n)` or a type object. Sizes and null declare no
 * type.
 */
export type InputSize = string | TypeOid | TypeObject | number | null | undefined

/** The types of the parameters, by position or by name. */
export type InputSizes = readonly InputSize[] | Readonly<globalThis.Record<string, InputSize>>

/** @throws ProgrammingError for a value that is neither an array nor an object. */
export function requireInputSizes(sizes: unknown): InputSizes | null {
  if (sizes === null || sizes === undefined) return null
  if (typeof sizes === 'object' && !(sizes instanceof TypeObject) && !(sizes instanceof TypeOid)) {
    return sizes as InputSizes
  }
  throw new ProgrammingError(`setinputsizes: expected an array or an object, got ${describeValue(sizes)}`)
}

/**
 * The OIDs to declare; 0 for a parameter without a type.
 * @param order for each parameter of the server the index or the name of its value, as in `RewrittenStatement`
 * @param valueCount how many parameters there are when `order` is empty, because the text has `$1` markers
 */
export function* resolveInputSizes(
  engine: Engine,
  sizes: InputSizes,
  order: readonly (number | string)[],
  valueCount: number,
): Flow<number[]> {
  // Types without a matching parameter are ignored, as in PEP 249.
  const keys = order.length > 0 ? order : Array.from({ length: valueCount }, (_, index) => index)
  const asked = keys.map((key) => (sizes as globalThis.Record<number | string, InputSize>)[key])
  const names = asked.filter((size) => typeof size === 'string').filter((name) => builtInOidBySpelling(name) === null)
  engine.typeOids.clear()
  if (names.length > 0) yield* lookUp(engine, [...new Set(names)])
  return asked.map((size) => oidOf(engine, size))
}

/** The OID of a type when it is known without asking the server; otherwise 0. */
export function typeOidOf(engine: Engine, type: InputSize): number {
  const asked = oidOf(engine, type)
  return asked === 0 && typeof type === 'string' ? (builtInOidBySpelling(type) ?? 0) : asked
}

function* lookUp(engine: Engine, names: string[]): Flow<void> {
  const sql = 'select n, pg_catalog.to_regtype(n)::oid from unnest($1::text[]) n'
  const { rows } = yield* fetchRows(engine.context, { sql, values: [names], rowLimit: 0, rows: RECORD_ROWS })
  for (const row of rows) {
    const [name, found] = Record.toArray(row) as [string, number | null]
    if (found === null) throw new ProgrammingError(`setinputsizes: there is no type ${JSON.stringify(name)}`)
    engine.typeOids.set(name, found)
  }
}

function oidOf(engine: Engine, size: InputSize): number {
  if (typeof size === 'string') return builtInOidBySpelling(size) ?? engine.typeOids.get(size) ?? 0
  if (size instanceof TypeOid) return size.oid
  if (size === STRING) return TEXT_OID
  if (size === BINARY) return BYTEA_OID
  if (size === ROWID) return OID_OID
  return 0
}
