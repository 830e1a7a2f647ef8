/**
 * A value of a range type: two bounds, each inclusive or exclusive; null when there is no bound.
 */
import { DataError } from '../errors/tree.ts'

/** The parts of a new range. */
export interface RangeInit<T> {
  /** null: no lower bound. */
  readonly lower?: T | null
  /** null: unbounded above. */
  readonly upper?: T | null
  /** Whether the bound itself belongs to the range. By default the lower bound does and the upper does not. */
  readonly lowerInc?: boolean
  /** Whether the upper bound belongs to the range; it does not unless this says so. */
  readonly upperInc?: boolean
  /** The empty range, which has no bounds. */
  readonly empty?: boolean
}

/** A range of any range type; a multirange is an array of them. */
export class Range<T = unknown> {
  /** The lower bound, null where there is none. */
  readonly lower: T | null
  /** The upper bound, null where there is none. */
  readonly upper: T | null
  /** Whether the lower bound belongs to the range. */
  readonly lowerInc: boolean
  /** Whether the upper bound belongs to the range. */
  readonly upperInc: boolean
  /** True for the empty range, which contains no value. */
  readonly empty: boolean

  /**
   * @throws DataError for an empty range with bounds.
   * @example con.fetchval('select upper(%s::int4range)', [new Range({ lower: 1, upper: 5 })]) // 5
   */
  constructor(init: RangeInit<T> = {}) {
    const { lower = null, upper = null, empty = false } = init
    if (empty && (lower !== null || upper !== null)) throw new DataError('an empty range has no bounds')
    this.lower = lower
    this.upper = upper
    // A missing bound cannot belong to the range.
    this.lowerInc = lower !== null && (init.lowerInc ?? true)
    this.upperInc = upper !== null && (init.upperInc ?? false)
    this.empty = empty
  }

  /**
   * `[1,5)`, `empty`: for people. The server may not read it, because bounds are not quoted.
   * @example String(new Range({ lower: 1, upper: 5, upperInc: true })) // '[1,5]'
   */
  toString(): string {
    if (this.empty) return 'empty'
    const lower = this.lower === null ? '' : String(this.lower)
    const upper = this.upper === null ? '' : String(this.upper)
    return `${this.lowerInc ? '[' : '('}${lower},${upper}${this.upperInc ? ']' : ')'}`
  }
}
