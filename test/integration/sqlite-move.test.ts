/** The moved program of the guide: it runs, it prints what the original prints, and the guide's diff is the whole of it. */
import { execFile, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { expect, test } from 'vitest'

import { freshDatabase, sharedServer } from '../support/shared-server.ts'

const folder = new URL('../../docs/examples/sqlite-move/', import.meta.url)
const read = (path: string): string => readFileSync(new URL(path, folder), 'utf8')
const hasSqlite = builtinModules.includes('node:sqlite') || Number(process.versions.node.split('.')[0]) >= 24

async function printed(program: string, ...parameters: string[]): Promise<string> {
  const path = fileURLToPath(new URL(program, folder))
  return (await promisify(execFile)(process.execPath, [path, ...parameters], { timeout: 60_000 })).stdout
}

test('the moved program prints the report inside the process', async () => {
  expect(await printed('after.mjs')).toBe(read('report.txt'))
}, 60_000)

test('and on a server', async () => {
  const dsn = sharedServer().dsn({ database: await freshDatabase() })
  expect(await printed('after.mjs', dsn)).toBe(read('report.txt'))
}, 60_000)

test.skipIf(!hasSqlite)(
  'the original prints the same',
  async () => {
    expect(await printed('before.mjs')).toBe(read('report.txt'))
  },
  60_000,
)

test('the guide shows every line that changed', () => {
  const paths = ['before.mjs', 'after.mjs'].map((name) => fileURLToPath(new URL(name, folder)))
  const { stdout } = spawnSync('git', ['diff', '--no-index', '--no-color', '-U0', ...paths], { encoding: 'utf8' })
  const changed = stdout.split('\n').slice(4)
  const shown = /^```diff\n([^]*?)^```$/m.exec(read('../../guides/from-sqlite.md'))?.[1]
  expect(shown).toBe(changed.filter((line) => !line.startsWith('@@')).join('\n'))
})
