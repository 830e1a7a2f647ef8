/**
 * Transaction ids of two-phase commit: PEP 249's three parts, and the text that PostgreSQL stores. The text has the
 * format of pgjdbc and psycopg, so that one program can recover transactions that another has prepared.
 */
import { describeValue } from '../src-async/errors/describe-value.ts'
import { inspect } from 'node:util'
import { DataError, ProgrammingError } from '../src-async/errors/tree.ts'

const MOST_BYTES = 64
const MOST_FORMAT_ID = 2 ** 31 - 1

/** The facts that the server reports about a prepared transaction. */
export interface XidOrigin {
  readonly prepared: globalThis.Date
  readonly owner: string
  readonly database: string
}

/** A transaction id with three parts, which you read by index or by name. Immutable. */
export class Xid {
  /** The number of the format; null for a text that is not in this format. */
  readonly format_id: number | null
  /** The id of the whole transaction. */
  readonly gtrid: string
  /** The id of the branch; null for a text that is not in this format. */
  readonly bqual: string | null
  /** When it was prepared; null unless it comes from `tpc_recover`. */
  readonly prepared: globalThis.Date | null
  /** The role that prepared it; null unless it comes from `tpc_recover`. */
  readonly owner: string | null
  /** The database of the transaction; null unless it comes from `tpc_recover`. */
  readonly database: string | null

  declare readonly 0: number | null
  declare readonly 1: string
  declare readonly 2: string | null

  constructor(
    parts: { format_id: number | null; gtrid: string; bqual: string | null },
    origin: XidOrigin | null = null,
  ) {
    this.format_id = parts.format_id
    this.gtrid = parts.gtrid
    this.bqual = parts.bqual
    this.prepared = origin?.prepared ?? null
    this.owner = origin?.owner ?? null
    this.database = origin?.database ?? null
    Object.freeze(this)
  }

  get length(): 3 {
    return 3
  }

  /**
   * Gives the three parts.
   * @example
   *   const [formatId, gtrid, bqual] = con.xid(1, 'order 7', 'stock')
   *   console.log(gtrid, bqual) // order 7 stock
   */
  *[Symbol.iterator](): Generator<number | string | null, void, undefined> {
    yield this.format_id
    yield this.gtrid
    yield this.bqual
  }

  /**
   * The id as the server stores it.
   * @example console.log(String(con.xid(1, 'order 7', 'stock'))) // 1_b3JkZXIgNw==_c3RvY2s=
   */
  toString(): string {
    if (this.format_id === null) return this.gtrid
    return `${this.format_id}_${base64(this.gtrid)}_${base64(this.bqual ?? '')}`
  }

  [inspect.custom](): string {
    return `<Xid ${inspect(this.toString())}>`
  }
}

for (let index = 0; index < 3; index++) {
  Object.defineProperty(Xid.prototype, index, {
    get(this: Xid) {
      return [...this][index]
    },
    configurable: true,
  })
}

/**
 * Makes a transaction id.
 * @param formatId from 0 to 2³¹−1
 * @param gtrid the id of the global transaction, at most 64 bytes
 * @param bqual the id of the branch, at most 64 bytes
 * @throws DataError for parts beyond these limits.
 * @example const id = xid(1, 'order 7', 'stock')
 */
export function makeXid(formatId: number, gtrid: string, bqual: string): Xid {
  if (!Number.isInteger(formatId) || formatId < 0 || formatId > MOST_FORMAT_ID) {
    throw new DataError(
      `xid: format_id: expected an integer from 0 to ${MOST_FORMAT_ID}, got ${describeValue(formatId)}`,
    )
  }
  return new Xid({ format_id: formatId, gtrid: requirePart(gtrid, 'gtrid'), bqual: requirePart(bqual, 'bqual') })
}

/** Parses an id from the server: its three parts when it has this format, otherwise the whole text as `gtrid`. */
export function parseXid(text: string, origin: XidOrigin | null = null): Xid {
  const match = /^(\d{1,10})_([A-Za-z0-9+/]*={0,2})_([A-Za-z0-9+/]*={0,2})$/.exec(text)
  if (match !== null && Number(match[1]) <= MOST_FORMAT_ID) {
    const xid = new Xid({ format_id: Number(match[1]), gtrid: unbase64(match[2]), bqual: unbase64(match[3]) }, origin)
    // An id has this format only if its parts give the same text again.
    if (xid.toString() === text) return xid
  }
  return new Xid({ format_id: null, gtrid: text, bqual: null }, origin)
}

/** @throws ProgrammingError for a value that is neither an Xid nor the text of one. */
export function requireXid(xid: unknown, method: string): Xid {
  if (xid instanceof Xid) return xid
  if (typeof xid === 'string' && xid !== '') return parseXid(xid)
  throw new ProgrammingError(`${method}: expected a transaction id made by xid(), got ${describeValue(xid)}`)
}

function requirePart(part: unknown, name: string): string {
  if (typeof part !== 'string') throw new DataError(`xid: ${name}: expected a string, got ${describeValue(part)}`)
  if (Buffer.byteLength(part) <= MOST_BYTES) return part
  throw new DataError(`xid: ${name}: it has ${Buffer.byteLength(part)} bytes, at most ${MOST_BYTES} are allowed`)
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

function unbase64(text: string | undefined): string {
  return Buffer.from(text ?? '', 'base64').toString()
}
