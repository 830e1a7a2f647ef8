/**
 * The source maps of the package contain the sources that they name, because the package does not have these as
 * files.
 */
import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { expect, test } from 'vitest'

const dist = fileURLToPath(new URL('../../../dist', import.meta.url))
const maps = readdirSync(dist).filter((file) => file.endsWith('.map'))

interface SourceMap {
  readonly sources: readonly string[]
  readonly sourcesContent?: readonly (string | null)[]
}

test.each(maps)('%s holds its sources', (file) => {
  const { sources, sourcesContent = [] } = JSON.parse(readFileSync(`${dist}/${file}`, 'utf8')) as SourceMap
  expect(sources.filter((_source, index) => typeof sourcesContent[index] !== 'string')).toEqual([])
})

test('the build has source maps', () => {
  expect(maps.length).toBeGreaterThan(5)
})
