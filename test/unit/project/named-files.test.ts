/** Checks that the files that the pages for developers name exist. */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { expect, test } from 'vitest'

const root = new URL('../../../', import.meta.url)
const pages = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'docs/architecture.md'].concat(
  readdirSync(new URL('docs/decisions', root)).map((name) => `docs/decisions/${name}`),
)
const FILE = /\b(?:test|tools|worker|src-async|src-sync)\/[\w./-]+\.(?:ts|mjs|json)\b/g

test.each(pages)('%s names only files that exist', (page) => {
  const named = readFileSync(new URL(page, root), 'utf8').match(FILE) ?? []
  expect(named.filter((file) => !existsSync(new URL(file, root)))).toEqual([])
})

test('the check finds the name of a file that does not exist', () => {
  expect('see test/unit/gone.test.ts'.match(FILE)).toEqual(['test/unit/gone.test.ts'])
})
