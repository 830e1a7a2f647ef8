/**
 * Each method of the reference has an example. Whether the reference agrees with the docstrings is asked by
 * `npm run reference:check`, because reading the declarations takes ten seconds.
 */
import { readFileSync, readdirSync } from 'node:fs'

import { expect, test } from 'vitest'

/** Pages, or single members of them as `page: heading`, that need no example, each with the reason. */
const WITHOUT_EXAMPLE: Readonly<Record<string, string>> = {}

interface Section {
  readonly page: string
  /** `page: heading`; with the class for a symbol, because several classes have the same. */
  readonly name: string
  readonly hasExample: boolean
}

/** The sections of functions, constructors and methods: those with a heading that ends in `()`. */
function methodSections(page: string, markdown: string): Section[] {
  const code = /^```[^]*?^```$/gm
  const sections = markdown.replaceAll(code, '').split(/^(?=#{2,3} )/m)
  let owner = ''
  return sections.flatMap((section) => {
    const [, level, heading = ''] = /^(#+) `?(.*?)`?$/m.exec(section) ?? []
    if (level === '##') owner = heading
    if (!heading.endsWith('()')) return []
    const name = heading.startsWith('[') ? `${owner}${heading}` : heading
    return [{ page, name: `${page}: ${name}`, hasExample: section.includes('**Example**') }]
  })
}

const folder = new URL('../../../docs/reference/', import.meta.url)
const methods = readdirSync(folder).flatMap((file) => {
  return methodSections(file.replace(/\.md$/, ''), readFileSync(new URL(file, folder), 'utf8'))
})

test('each method of docs/reference has an example', () => {
  const without = methods.filter(({ page, name, hasExample }) => {
    return !hasExample && !(page in WITHOUT_EXAMPLE) && !(name in WITHOUT_EXAMPLE)
  })
  expect(without.map(({ name }) => name)).toEqual([])
  expect(methods.length).toBeGreaterThan(400)
})

test('the list of methods without an example names no others', () => {
  const stale = Object.keys(WITHOUT_EXAMPLE).filter((excused) => {
    return !methods.some(({ page, name, hasExample }) => !hasExample && [page, name].includes(excused))
  })
  expect(stale).toEqual([])
})

test('the check finds a method without an example', () => {
  const markdown = '## Thing\n\n### thing.one()\n\n**Example**\n\n```js\n## x()\n```\n\n### `[Symbol.dispose]()`\n'
  expect(methodSections('things', markdown)).toEqual([
    { page: 'things', name: 'things: thing.one()', hasExample: true },
    { page: 'things', name: 'things: Thing[Symbol.dispose]()', hasExample: false },
  ])
})
