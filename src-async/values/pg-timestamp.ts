/**
 * A `Date` that keeps microseconds. Columns of `timestamp` and `timestamptz` return it only when a plain `Date` would lose
 * some. So a value that is read and written back stays exact, and an ordinary value is an ordinary `Date`.
 */
import { DataError } from '../errors/tree.ts'
import { requireTemporal, type TemporalNamespace } from './calendar.ts'
import { printAsText } from './print-as-text.ts'

/** A `Date` that knows its microseconds too: for `timestamp` and `timestamptz` where a `Date` would lose some. */
export class PgTimestamp extends Date {
  static {
    printAsText(this)
  }

  /** 0 to 999: the microseconds after the milliseconds. */
  readonly microseconds: number

  /**
   * @throws DataError when the instant or the microseconds are out of range.
   * @example con.fetchval('select %s::timestamptz', [new PgTimestamp(1704164645678, 901)]) // 2024-01-02T03:04:05.678901Z
   */
  constructor(milliseconds: number, microseconds = 0) {
    super(milliseconds)
    if (!(microseconds >= 0 && microseconds <= 999) || !Number.isInteger(microseconds)) {
      throw new DataError(`microseconds must be an integer from 0 to 999, got ${microseconds}`)
    }
    this.microseconds = microseconds
  }

  /**
   * ISO 8601 with six decimals: `2024-01-02T03:04:05.678901Z`.
   * @example new PgTimestamp(0, 1).toISOString() // '1970-01-01T00:00:00.000001Z'
   */
  override toISOString(): string {
    return `${super.toISOString().slice(0, -1)}${String(this.microseconds).padStart(3, '0')}Z`
  }

  /**
   * The same text as `toISOString`.
   * @example String(new PgTimestamp(0, 1)) // '1970-01-01T00:00:00.000001Z'
   */
  override toString(): string {
    return this.toISOString()
  }

  /**
   * The timestamp as a `Temporal.Instant`.
   * @param temporal a polyfill's namespace. Default: the global `Temporal`.
   * @throws NotSupportedError when there is no Temporal.
   * @example
   *   import { Temporal } from 'temporal-polyfill'
   *   new PgTimestamp(0, 1).toTemporal(Temporal) // a Temporal.Instant
   */
  toTemporal(temporal: TemporalNamespace = requireTemporal()): unknown {
    return temporal.Instant.fromEpochNanoseconds(
      BigInt(this.getTime()) * 1_000_000n + BigInt(this.microseconds) * 1000n,
    )
  }
}
