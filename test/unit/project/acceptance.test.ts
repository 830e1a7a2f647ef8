/** Checks docs/acceptance.md: each claim names tests, and these tests exist. */
import { readFileSync } from 'node:fs'

import { expect, test } from 'vitest'

import { missingTests, namedTests } from '../../support/named-tests.ts'

const page = readFileSync(new URL('../../../docs/acceptance.md', import.meta.url), 'utf8')
const claims = [...page.matchAll(/^\| (\d+) \| (.+) \| (.+) \|$/gm)].map(([, number, claim = '', tests = '']) => ({
  number: Number(number),
  claim,
  tests,
}))

test('the page has forty claims in order, and each names the titles of tests', () => {
  expect(claims.map(({ number }) => number)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1))
  expect(claims.filter(({ tests }) => !namedTests(tests).some(({ titles }) => titles.length > 0))).toEqual([])
})

test('the tests that it names exist', () => {
  expect(claims.flatMap(({ tests }) => missingTests(tests))).toEqual([])
})
