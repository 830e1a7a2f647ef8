/**
 * One column of a cursor's `description`: PEP 249's sequence of seven items, with names. It is computed from
 * RowDescription. Source of truth for the type modifiers: PostgreSQL, src/backend/utils/adt (numeric.c, varchar.c,
 * timestamp.c).
 */
import { inspect } from 'node:util'
import {
  BIT_OID,
  BPCHAR_OID,
  INTERVAL_OID,
  NUMERIC_OID,
  TIMESTAMPTZ_OID,
  TIMESTAMP_OID,
  TIMETZ_OID,
  TIME_OID,
  VARBIT_OID,
  VARCHAR_OID,
} from '../src-async/values/oids.ts'
import type { Column as WireColumn } from '../src-async/wire/row-sink.ts'
import type { TypeObject } from './type-objects.ts'

/** Bytes of a varlena header. The modifiers of `varchar`, `char` and `numeric` include it. */
const HEADER_BYTES = 4
/** An interval's modifier when no precision is given. */
const FULL_PRECISION = 0xffff

/** PEP 249's seven items in order. */
type ColumnItems = [
  name: string,
  typeCode: number,
  displaySize: number | null,
  internalSize: number | null,
  precision: number | null,
  scale: number | null,
  nullOk: null,
]

/** A column of a result: PEP 249's sequence of seven items, with a name for each, and more details from the server. */
export class Column {
  /** The name of the column. */
  readonly name: string
  /** The type's OID. Compare it with `db.NUMBER.equals(column.typeCode)` or `column.is(db.NUMBER)`. */
  readonly typeCode: number
  /** The n of `varchar(n)`, `char(n)` or `bit(n)`; null for other types. */
  readonly displaySize: number | null
  /** The size of a value in bytes; null for a type of variable size. */
  readonly internalSize: number | null
  /**
   * The number of digits of a `numeric(p, s)`, or of decimals of seconds of `timestamp(p)` and the other time types;
   * null when not declared.
   */
  readonly precision: number | null
  /** The number of decimals of a `numeric(p, s)`; negative when values are rounded to tens, hundreds and so on. */
  readonly scale: number | null
  /** Always null, because the server does not report it. */
  readonly nullOk: null = null
  /** The name of the type, such as `int4`, `timestamptz` or `text[]`. */
  readonly typeName: string
  /** The OID of the column's table; 0 for an expression. */
  readonly tableOid: number
  /** The column's number in its table, from 1; 0 for an expression. */
  readonly tableColumn: number
  /** The type modifier, as in pg_attribute.atttypmod; -1 for none. */
  readonly typmod: number

  // These are accessors on the prototype, set below. Own properties would print each item twice.
  declare readonly 0: string
  declare readonly 1: number
  declare readonly 2: number | null
  declare readonly 3: number | null
  declare readonly 4: number | null
  declare readonly 5: number | null
  declare readonly 6: null

  /** Made by the driver, from what the server says about a result. */
  constructor(column: WireColumn, typeName: string) {
    const { typeOid, typeModifier } = column
    this.name = column.name
    this.typeCode = typeOid
    this.displaySize = displaySizeOf(typeOid, typeModifier)
    this.internalSize = column.typeSize >= 0 ? column.typeSize : null
    this.precision = precisionOf(typeOid, typeModifier)
    this.scale = scaleOf(typeOid, typeModifier)
    this.typeName = typeName
    this.tableOid = column.tableOid
    this.tableColumn = column.tableColumn
    this.typmod = typeModifier
  }

  get length(): 7 {
    return 7
  }

  /**
   * Whether the column's type belongs to a type object: `column.is(db.NUMBER)`.
   * @example
   *   cur.execute('select name, price from item')
   *   console.log(cur.description[1].is(db.NUMBER)) // true
   */
  is(kind: TypeObject): boolean {
    return kind.equals(this.typeCode)
  }

  /**
   * Gives the seven items of PEP 249, so that a column can be taken apart like an array.
   * @example
   *   cur.execute('select name, price from item')
   *   const [name, typeCode] = cur.description[1]
   *   console.log(name, typeCode) // price 23
   */
  [Symbol.iterator](): IterableIterator<ColumnItems[number]> {
    return itemsOf(this)[Symbol.iterator]()
  }

  [inspect.custom](): string {
    return `<Column ${inspect(this.name)} ${this.#type()}>`
  }

  #type(): string {
    const { typeName, displaySize, precision, scale } = this
    const modifiers = [displaySize ?? precision, scale].filter((item) => item !== null)
    return modifiers.length === 0 ? typeName : `${typeName}(${modifiers.join(',')})`
  }
}

for (let index = 0; index < 7; index++) {
  Object.defineProperty(Column.prototype, index, {
    get(this: Column) {
      return itemsOf(this)[index]
    },
    configurable: true,
  })
}

function itemsOf(column: Column): ColumnItems {
  const { name, typeCode, displaySize, internalSize, precision, scale, nullOk } = column
  return [name, typeCode, displaySize, internalSize, precision, scale, nullOk]
}

function displaySizeOf(oid: number, modifier: number): number | null {
  if (oid === VARCHAR_OID || oid === BPCHAR_OID) return modifier >= HEADER_BYTES ? modifier - HEADER_BYTES : null
  return (oid === BIT_OID || oid === VARBIT_OID) && modifier >= 0 ? modifier : null
}

function precisionOf(oid: number, modifier: number): number | null {
  if (modifier < 0) return null
  switch (oid) {
    case NUMERIC_OID:
      return modifier >= HEADER_BYTES ? ((modifier - HEADER_BYTES) >> 16) & 0xffff : null
    case TIME_OID:
    case TIMETZ_OID:
    case TIMESTAMP_OID:
    case TIMESTAMPTZ_OID:
      return modifier
    case INTERVAL_OID:
      return (modifier & 0xffff) === FULL_PRECISION ? null : modifier & 0xffff
    default:
      return null
  }
}

function scaleOf(oid: number, modifier: number): number | null {
  if (oid !== NUMERIC_OID || modifier < HEADER_BYTES) return null
  // Since PostgreSQL 15 the scale has eleven bits with a sign. Before that it was at most 1000, which this code reads
  // too.
  return (((modifier - HEADER_BYTES) & 0x7ff) ^ 0x400) - 0x400
}
