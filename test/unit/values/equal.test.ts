/** Whether two values are the same. */
import { describe, expect, test } from 'vitest'
import { BitString } from '../../../src-async/values/bit-string.ts'
import { equal } from '../../../src-async/values/equal.ts'
import { Circle, Point } from '../../../src-async/values/geometry.ts'
import { PgDate } from '../../../src-async/values/pg-date.ts'
import { PgInterval } from '../../../src-async/values/pg-interval.ts'
import { PgTime, PgTimeTz } from '../../../src-async/values/pg-time.ts'
import { PgTimestamp } from '../../../src-async/values/pg-timestamp.ts'
import { Range } from '../../../src-async/values/range.ts'
import { shapeFor } from '../../../src-async/values/row-shapes.ts'

const row = (names: string[], values: unknown[]): unknown =>
  shapeFor(
    names.map((name) => ({ name, tableOid: 0, tableColumn: 0, typeOid: 25, typeSize: -1, typeModifier: -1 })),
  ).make(values)

/** Makes each value anew, so that a test can have two of them. */
const makers: (() => unknown)[] = [
  () => null,
  () => NaN,
  () => 'x',
  () => 5n,
  () => new PgDate(2024, 1, 2),
  () => new PgTime(1, 2, 3),
  () => new PgTimeTz(1, 2, 3, 0, 60),
  () => new PgInterval(1, 0, 0n),
  () => new PgInterval(0, 30, 0n),
  () => new Date(0),
  () => new PgTimestamp(0, 1),
  () => Buffer.from('ab'),
  () => BitString.parse('0101'),
  () => BitString.parse('01010'),
  () => new Point(1, 2),
  () => new Circle(new Point(1, 2), 3),
  () => new Range({ lower: new PgDate(2024, 1, 1) }),
  () => new Range({ lower: new PgDate(2024, 1, 1), lowerInc: false }),
  () => new Range({ empty: true }),
  () => [1, [new PgDate(2024, 1, 1)], null],
  () => [1, [new PgDate(2024, 1, 1)]],
  () => ({ a: [1] }),
  () => ({ a: [1], b: undefined }),
  () => row(['a', 'b'], [1, new PgDate(2024, 1, 1)]),
  () => row(['a'], [1]),
  () => new Map(),
]

describe('equal', () => {
  test('is true for values with equal content, and false for all others', () => {
    const firsts = makers.map((make) => make())
    const seconds = makers.map((make) => make())
    firsts.forEach((a, i) => {
      const same = seconds.flatMap((b, k) => (equal(a, b) ? [k] : []))
      // `equal` does not look into a Map.
      expect(same).toEqual(a instanceof Map ? [] : [i])
    })
  })

  test('rows are compared by values in order; a Buffer and a Uint8Array by bytes; 0 equals -0', () => {
    expect(equal(row(['a'], [1]), row(['b'], [1]))).toBe(true)
    expect(equal(row(['a'], [1]), { a: 1 })).toBe(false)
    expect(equal(Buffer.from([1]), new Uint8Array([1]))).toBe(true)
    expect(equal(0, -0)).toBe(true)
    expect(equal(new Date(0), new PgTimestamp(0, 0))).toBe(true)
  })

  test('a comparison of values that contain themselves ends', () => {
    const loop: unknown[] = []
    loop.push(loop)
    const other: unknown[] = []
    other.push(other)
    expect(equal(loop, other)).toBe(false)
  })
})
