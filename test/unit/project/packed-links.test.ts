/** Checks that no link between the files of the package is dead: a reader may have nothing but `node_modules`. */
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { posix } from 'node:path'
import { expect, test } from 'vitest'

const root = new URL('../../../', import.meta.url)
const CODE = /^( *)(`{3,})[\s\S]*?^\1\2$|`[^`\n]*`/gm
const LINKS = [/\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)/g, /^\[[^\]]+\]:\s*(\S+)/gm, /\b(?:href|src)="([^"]+)"/g]
const HAS_SCHEME = /^[a-z][a-z\d+.-]*:/i

/** The files that `npm pack` puts into the package besides `dist`, by `files` in package.json. npm itself takes seconds. */
function packedFiles(): string[] {
  const { files } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { files: string[] }
  const isUnder = (path: string, entry: string): boolean =>
    new RegExp(`^${entry.replaceAll('.', '\\.').replaceAll('*', '[^/]*')}(?:/|$)`).test(path)
  const excluded = files.filter((entry) => entry.startsWith('!')).map((entry) => entry.slice(1))
  const entries = files.filter((entry) => !entry.startsWith('!') && entry !== 'dist')
  return entries.flatMap(filesUnder).filter((path) => !excluded.some((entry) => isUnder(path, entry)))
}

function filesUnder(entry: string): string[] {
  if (!statSync(new URL(entry, root)).isDirectory()) return [entry]
  return readdirSync(new URL(entry, root)).flatMap((name) => filesUnder(`${entry}/${name}`))
}

/** The ids of a page's headings, as GitHub makes them from the text. */
function headingsOf(page: string): Set<string> {
  const ids = new Map<string, number>()
  const found = new Set<string>()
  for (const [, text = ''] of page.replace(/^(`{3,})[\s\S]*?^\1$/gm, '').matchAll(/^#+ +(.*)$/gm)) {
    const id = text
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-')
    const seen = ids.get(id) ?? 0
    ids.set(id, seen + 1)
    found.add(seen === 0 ? id : `${id}-${seen}`)
  }
  for (const [, id = ''] of page.matchAll(/\bid="([^"]+)"/g)) found.add(id)
  return found
}

/** The relative links of a page that lead to no packed file, or to no heading of one. */
function deadLinks(page: string, text: string, files: ReadonlyMap<string, Set<string> | null>): string[] {
  const links = LINKS.flatMap((form) => [...text.replace(CODE, '').matchAll(form)].map(([, link]) => link as string))
  return links.filter((link) => {
    if (HAS_SCHEME.test(link)) return false
    const [path = '', heading = ''] = link.split('#')
    const target = path === '' ? page : posix.join(posix.dirname(page), path)
    const headings = files.get(target.replace(/\/$/, ''))
    return headings === undefined || (heading !== '' && headings !== null && !headings.has(heading))
  })
}

test('no relative link in the packed pages is dead', () => {
  const files = packedFiles()
  const read = (path: string): string => readFileSync(new URL(path, root), 'utf8')
  const targets = new Map<string, Set<string> | null>()
  for (const path of files) {
    targets.set(path, path.endsWith('.md') ? headingsOf(read(path)) : null)
    for (let folder = posix.dirname(path); folder !== '.'; folder = posix.dirname(folder)) targets.set(folder, null)
  }
  const pages = files.filter((path) => /\.(?:md|svg)$/.test(path))
  expect(pages).toEqual(expect.arrayContaining(['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'docs/api.md']))
  const dead = pages.flatMap((page) => deadLinks(page, read(page), targets).map((link) => `${page}: ${link}`))
  expect(dead).toEqual([])
})

test('the check finds links to files that are not packed and to headings that do not exist', () => {
  const page =
    '## Two words\n[a](gone.md) [b](there.md#no) [c](#two-words) [d](https://x.org/y) `[e](no.md)` ![f](no.png)'
  const targets = new Map([
    ['docs/page.md', headingsOf(page)],
    ['docs/there.md', new Set<string>()],
  ])
  expect(deadLinks('docs/page.md', page, targets)).toEqual(['gone.md', 'there.md#no', 'no.png'])
})
