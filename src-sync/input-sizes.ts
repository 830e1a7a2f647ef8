/**
 * `setinputsizes` as type hints: PEP 249's way to say what a parameter is before the statement is run, which is what
 * cures "could not determine data type of parameter $1". Names of types that are not built in are looked up in the database
 * each time: a type may have been dropped and made anew, with another OID.
 */
import { ProgrammingError } from '../src-async/errors/tree.ts'
import type { Flow } from '../src-async/flows/ask.ts'
import { fetchRows } from '../src-async/flows/fetch-rows.ts'
import { describeValue } from '../src-async/values/describe-value.ts'
import { BYTEA_OID, OID_OID, TEXT_OID } from '../src-async/values/oids.ts'
import { Record } from '../src-async/values/record.ts'
import { builtInOidBySpelling } from '../src-async/values/type-names.ts'
import { RECORD_ROWS } from '../src-async/values/row-options.ts'
import type { Engine } from './engine.ts'
import { BINARY, ROWID, STRING, TypeObject } from './type-objects.ts'

/** A type by its OID, for `setinputsizes`; made by `oid()`. */
export class TypeOid {
  /** The OID. */
  readonly oid: number

  constructor(oid: number) {
    this.oid = oid
  }
}

/**
 * A type by its OID, for `setinputsizes`: `cursor.setinputsizes([oid(23)])`. A bare number is a size to PEP 249.
 * @example cur.setinputsizes([oid(1700)]) // numeric
 */
export function oid(value: number): TypeOid {
  if (Number.isInteger(value) && value > 0 && value < 2 ** 32) return new TypeOid(value)
  throw new ProgrammingError(`oid(): expected the OID of a type, got ${describeValue(value)}`)
}

/** A type's name (`'numeric'`, `'mood[]'`), `oid(n)`, a type object; sizes and null say nothing of the type. */
export type InputSize = string | TypeOid | TypeObject | number | null | undefined

/** By position, or by name. */
export type InputSizes = readonly InputSize[] | Readonly<globalThis.Record<string, InputSize>>

/** @throws ProgrammingError for what is neither an array nor an object. */
export function requireInputSizes(sizes: unknown): InputSizes | null {
  if (sizes === null || sizes === undefined) return null
  if (typeof sizes === 'object' && !(sizes instanceof TypeObject) && !(sizes instanceof TypeOid)) {
    return sizes as InputSizes
  }
  throw new ProgrammingError(`setinputsizes: expected an array or an object, got ${describeValue(sizes)}`)
}

/**
 * The OIDs to declare, 0 where nothing is said.
 * @param order for each parameter of the server's the index or the name it comes from, as in `RewrittenStatement`
 * @param valueCount how many parameters there are, where `order` is empty because the text has the server's own markers
 */
export function* resolveInputSizes(
  engine: Engine,
  sizes: InputSizes,
  order: readonly (number | string)[],
  valueCount: number,
): Flow<number[]> {
  // Sizes that no parameter is there for say nothing, as PEP 249 has it.
  const keys = order.length > 0 ? order : Array.from({ length: valueCount }, (_, index) => index)
  const asked = keys.map((key) => (sizes as globalThis.Record<number | string, InputSize>)[key])
  const names = asked.filter((size) => typeof size === 'string').filter((name) => builtInOidBySpelling(name) === null)
  engine.typeOids.clear()
  if (names.length > 0) yield* lookUp(engine, [...new Set(names)])
  return asked.map((size) => oidOf(engine, size))
}

/** The OID of a type that can be told without asking the server; 0 where it cannot. */
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
