/** The guides run as they stand: their `js` blocks in order, as one script, print what their `text` blocks say. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { expect, test } from 'vitest'

import { QUICK_WASM } from '../../support/quick-wasm.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

async function printed(script: string): Promise<string> {
  const options = { cwd: root, timeout: 60_000, env: { ...process.env, NO_COLOR: '1' } }
  return (await promisify(execFile)(process.execPath, [QUICK_WASM, '--input-type=module', '-e', script], options))
    .stdout
}

function blocks(page: string, language: string): string {
  const found = readFileSync(join(root, page), 'utf8').matchAll(/^```(\w+)\n([^]*?)^```$/gm)
  return [...found]
    .filter((block) => block[1] === language)
    .map((block) => block[2])
    .join('')
}

const PAGES = [
  'first-hour',
  'values',
  'transactions',
  'bulk-data',
  'waiting',
  'tools',
  'prepared-statements',
  'query-builders',
  'psycopg',
  'coming-from-pg',
  'why-not-pg',
  'retries',
  'logging',
  'errors',
  'async-first-hour',
].map((name) => `docs/guides/${name}.md`)

test.each([...PAGES, 'README.md'])(
  '%s prints the output that it shows',
  async (page) => {
    const script = blocks(page, 'js')
    expect(script).toMatch(/from 'syncpg(?:\/async)?'/)
    expect(await printed(script)).toBe(blocks(page, 'text'))
  },
  60_000,
)
