/**
 * `npm run docs`: builds the playground's files, then the site into `site/`. Intermediate files are in
 * `node_modules/.cache`. The reasons are in docs/decisions/site.md.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { buildPlayground } from './build-playground.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
process.chdir(root)
const publicFolder = join(root, 'node_modules/.cache/syncpg-site/public')
rmSync(publicFolder, { recursive: true, force: true })
mkdirSync(publicFolder, { recursive: true })
await buildPlayground(publicFolder)
// Files that the pages link to and that are not pages.
for (const name of ['examples', 'benchmarks.json']) {
  cpSync(join(root, 'docs', name), join(publicFolder, name), { recursive: true })
}

const vitepress = join(dirname(createRequire(import.meta.url).resolve('vitepress/package.json')), 'bin', 'vitepress.js')
const { status } = spawnSync(process.execPath, [vitepress, 'build', 'docs'], { stdio: 'inherit' })
process.exitCode = status ?? 1
