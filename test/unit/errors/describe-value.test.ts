import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'

import { describeKind, describeValue } from '../../../src-async/errors/describe-value.ts'

describe('a message describes', () => {
  test.each<[unknown, string]>([
    [undefined, 'undefined'],
    [null, 'null'],
    ['5', 'the string "5"'],
    ['x'.repeat(50), `the string "${'x'.repeat(39)}…`],
    [-0, 'the number -0'],
    [5n, 'the bigint 5'],
    [true, 'the boolean true'],
    [[1, 2], 'an array of 2 elements'],
    [new Date(0), 'the Date 1970-01-01T00:00:00.000Z'],
    [runInNewContext('new Date(0)'), 'the Date 1970-01-01T00:00:00.000Z'],
    [new Date(Number.NaN), 'an invalid Date'],
    [{ a: 1 }, 'a plain object'],
    [Object.create(null), 'a plain object'],
    [new URL('http://x'), 'an object of class URL'],
    [() => {}, 'a function'],
    [Symbol('x'), 'a symbol'],
  ])('%o as %s', (value, words) => {
    expect(describeValue(value)).toBe(words)
  })
})

test.each<[unknown, string]>([
  ['secret', 'a string'],
  [5n, 'a bigint'],
  [70_000, 'the number 70000'],
  [['secret'], 'an array of 1 element'],
  [{ password: 'secret' }, 'a plain object'],
  [null, 'null'],
])('a message about an option that may be secret describes %o as %s', (value, words) => {
  expect(describeKind(value)).toBe(words)
})
