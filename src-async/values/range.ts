/**
 * A value of a range type: two bounds, each inclusive or exclusive; null when there is no bound.
 */
import { DataError } from '../errors/tree.ts'

export interface RangeInit<T> {
  /** null: no lower bound. */
  readonly lower?: T | null
  readonly upper?: T | null
  /** Whether the bound itself belongs to the range. By default the lower bound does and the upper does not. */
  readonly lowerInc?: boolean
  readonly upperInc?: boolean
  readonly empty?: boolean
}

export class Range<T = unknown> {
  readonly lower: T | null
  readonly upper: T | null
  readonly lowerInc: boolean
  readonly upperInc: boolean
  readonly empty: boolean

  /** @throws DataError for an empty range with bounds. */
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

  /** `[1,5)`, `empty`: for people. The server may not read it, because bounds are not quoted. */
  toString(): string {
    if (this.empty) return 'empty'
    const lower = this.lower === null ? '' : String(this.lower)
    const upper = this.upper === null ? '' : String(this.upper)
    return `${this.lowerInc ? '[' : '('}${lower},${upper}${this.upperInc ? ']' : ')'}`
  }
}
