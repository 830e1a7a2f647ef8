/**
 * A range of values, as all range types hold: two bounds, each in or out, null where there is none.
 */
import { DataError } from '../errors/tree.ts'

export interface RangeInit<T> {
  /** null: unbounded below. */
  readonly lower?: T | null
  readonly upper?: T | null
  /** Whether the bound belongs to the range: by default the lower does and the upper does not. */
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
    // A bound that is not there cannot belong to the range.
    this.lowerInc = lower !== null && (init.lowerInc ?? true)
    this.upperInc = upper !== null && (init.upperInc ?? false)
    this.empty = empty
  }

  /** `[1,5)`, `empty`: for reading, not for the server, because bounds are not quoted. */
  toString(): string {
    if (this.empty) return 'empty'
    const lower = this.lower === null ? '' : String(this.lower)
    const upper = this.upper === null ? '' : String(this.upper)
    return `${this.lowerInc ? '[' : '('}${lower},${upper}${this.upperInc ? ']' : ')'}`
  }
}
