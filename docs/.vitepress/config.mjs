/**
 * The site: the pages of docs/ as they stand, with search and a playground. `npm run docs` builds it. Nothing comes from another
 * host, so that it can be read without a network. docs/decisions/site.md says why it is as it is.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'

import { defineConfig } from 'vitepress'

import { DOORS, PAGES } from '../../tools/reference/doors.mjs'
import { slug } from '../../tools/reference/slug.mjs'

const docs = fileURLToPath(new URL('..', import.meta.url))
const cache = fileURLToPath(new URL('../../node_modules/.cache/syncpg-site', import.meta.url))

/** Guides in the order in which a newcomer reads them; others come behind, by name. */
const FIRST = [
  'first-hour',
  'async-first-hour',
  'connecting',
  'values',
  'transactions',
  'bulk-data',
  'waiting',
  'errors',
  'retries',
  'pool',
]

/** Who comes to read. */
const USERS = ['scripts', 'services', 'psycopg', 'pg', 'sqlite', 'orm', 'command-line']

export default defineConfig({
  lang: 'en',
  title: 'syncpg',
  description: 'PostgreSQL for Node.js: a blocking client, and the asynchronous driver it stands on',
  base: process.env.SITE_BASE ?? '/',
  outDir: fileURLToPath(new URL('../../site', import.meta.url)),
  cacheDir: `${cache}/vite`,
  cleanUrls: false,
  lastUpdated: false,
  markdown: {
    anchor: { slugify: slug },
    languageAlias: { mjs: 'js', cjs: 'js' },
    config: (md) => md.core.ruler.push('links-out-of-docs', dropLinksOutOfDocs),
  },
  vite: { publicDir: `${cache}/public`, build: { chunkSizeWarningLimit: 4000 } },
  // The stylesheet shows tables of options in another way on phones.
  transformPageData: ({ relativePath }) =>
    relativePath.startsWith('reference/') ? { frontmatter: { pageClass: 'reference' } } : {},
  themeConfig: {
    search: { provider: 'local' },
    outline: { level: [2, 3] },
    nav: [
      { text: 'Start', items: pagesOf('start', USERS) },
      { text: 'Guides', link: '/guides/first-hour' },
      { text: 'API', link: '/api' },
      { text: 'Playground', link: '/playground' },
      { text: 'Benchmarks', link: '/benchmarks' },
    ],
    sidebar: [
      { text: 'Start', items: [...pagesOf('start', USERS), { text: 'Playground', link: '/playground' }] },
      { text: 'Guides', items: pagesOf('guides', FIRST) },
      { text: 'API', items: [{ text: 'All pages', link: '/api' }, ...referencePages()] },
      {
        text: 'About',
        items: ['benchmarks', 'growth', 'architecture', 'asyncpg-parity', 'acceptance'].map((name) => page(name)),
      },
      { text: 'Decisions', collapsed: true, items: pagesOf('decisions') },
    ],
  },
})

/** The pages of a folder, those of a list first. */
function pagesOf(folder, first = []) {
  const names = readdirSync(`${docs}/${folder}`)
    .filter((file) => file.endsWith('.md'))
    .map((file) => file.slice(0, -'.md'.length))
  const ordered = [
    ...first.filter((name) => names.includes(name)),
    ...names.filter((name) => !first.includes(name)).sort(),
  ]
  return ordered.map((name) => page(`${folder}/${name}`))
}

/** A page under the title that it has itself. */
function page(path) {
  const [, title = path] = /^# (.+)$/m.exec(readFileSync(`${docs}/${path}.md`, 'utf8')) ?? []
  return { text: title.replaceAll('`', ''), link: `/${path}` }
}

function referencePages() {
  const of = (name) => PAGES.filter((each) => each.of === name).map((each) => page(`reference/${each.page}`))
  const doors = DOORS.map(({ name, page: own }) => ({
    text: name,
    link: `/reference/${own}`,
    items: of(name),
    collapsed: true,
  }))
  return [...doors, { text: 'Both APIs', items: of(null), collapsed: true }].filter(
    ({ link }) => link === undefined || existsSync(`${docs}${link}.md`),
  )
}

/** Links to files beside docs/, which the site does not have, become plain text there. */
function dropLinksOutOfDocs({ env, tokens }) {
  for (const { children } of tokens) {
    let isOut = false
    for (const token of children ?? []) {
      if (token.type === 'link_open') isOut = leadsOut(env.relativePath, token.attrGet('href'))
      if (!isOut || !token.type.startsWith('link_')) continue
      if (token.type === 'link_close') isOut = false
      Object.assign(token, { type: 'text', tag: '', nesting: 0, content: '' })
    }
  }
}

function leadsOut(page, href) {
  return !/^(?:[a-z]+:|#|\/)/.test(href) && posix.join(posix.dirname(page), href).startsWith('..')
}
