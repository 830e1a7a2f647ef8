/** Checks the tests that a page names for its claims, as `file` “title” “title” with files under test/. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The tests that a text names. */
export function namedTests(text: string): { file: string; titles: string[] }[] {
  return [...text.matchAll(/`([\w/-]+)`((?: “[^”]+”)*)/g)].map(([, file = '', titles = '']) => ({
    file,
    titles: [...titles.matchAll(/“([^”]+)”/g)].map(([, title = '']) => title),
  }))
}

/** The named tests that do not exist. */
export function missingTests(text: string): string[] {
  return namedTests(text).flatMap(({ file, titles }) => {
    const source = sourceOf(file)
    if (source === null) return [file]
    const isTitle = (title: string): boolean => ["'", '"', '`'].some((quote) => source.includes(quote + title + quote))
    return titles.filter((title) => !isTitle(title)).map((title) => `${file} “${title}”`)
  })
}

/** The source of a test file, or of a file that declares tests for others. */
function sourceOf(file: string): string | null {
  const path = [`test/${file}.test.ts`, `test/${file}.ts`].map((name) => root + name).find((name) => existsSync(name))
  return path === undefined ? null : readFileSync(path, 'utf8').replaceAll(/\\(['"`])/g, '$1')
}
