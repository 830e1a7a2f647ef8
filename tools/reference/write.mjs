/**
 * Writes docs/reference and the list of its pages in docs/api.md from the docstrings: `npm run reference`. With
 * `--check` it writes nothing. It fails when a page differs from the docstrings, or when a public declaration has no
 * docstring.
 */
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { undocumented } from './audit.mjs'
import { DOORS, PAGES } from './doors.mjs'
import { createModel } from './model.mjs'
import { readDoors } from './read-doors.mjs'
import { renderPages } from './render.mjs'

const FOLDER = 'docs/reference'
const INDEX = 'docs/api.md'
const GENERATED = /(?<=<!-- pages -->\n)[^]*?(?=<!-- end of pages -->)/

process.chdir(fileURLToPath(new URL('../..', import.meta.url)))
const isCheck = process.argv.includes('--check')
const model = createModel(await readDoors())
const files = new Map([...renderPages(model)].map(([page, text]) => [`${FOLDER}/${page}.md`, text]))
files.set(INDEX, readFileSync(INDEX, 'utf8').replace(GENERATED, index()))

const complaints = undocumented(model)
mkdirSync(FOLDER, { recursive: true })
for (const name of readdirSync(FOLDER).map((file) => `${FOLDER}/${file}`)) {
  if (files.has(name)) continue
  if (isCheck) complaints.push(`${name}: no door has what it describes`)
  else rmSync(name)
}
for (const [name, text] of files) {
  if (read(name) === text) continue
  if (isCheck) complaints.push(`${name}: not what the docstrings say; run npm run reference`)
  else writeFileSync(name, text)
}
for (const complaint of complaints) console.error(complaint)
if (complaints.length > 0) process.exitCode = 1

function read(name) {
  try {
    return readFileSync(name, 'utf8')
  } catch {
    return null
  }
}

function index() {
  const shared = PAGES.filter(({ of }) => of === null)
  const lines = DOORS.flatMap(({ name, page, what }) => {
    const parts = PAGES.filter(({ of }) => of === name)
    return [
      `- [\`${name}\`](reference/${page}.md): ${what}`,
      ...parts.map((part) => `  - [${part.title.replace(/ \((blocking|async)\)$/, '')}](reference/${part.page}.md)`),
    ]
  })
  return `${[...lines, '- for both APIs', ...shared.map(({ title, page }) => `  - [${title}](reference/${page}.md)`)].join('\n')}\n`
}
