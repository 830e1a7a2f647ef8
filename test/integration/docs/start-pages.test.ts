/** The pages for each kind of user run as they stand: the `js` block of a page prints what its `text` block says. */
import { execFile } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { expect, test } from 'vitest'

import { QUICK_WASM } from '../../support/quick-wasm.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

function block(page: string, language: string): string | undefined {
  const text = readFileSync(`${root}/docs/start/${page}`, 'utf8')
  return new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'm').exec(text)?.[1]
}

const pages = readdirSync(`${root}/docs/start`).filter((page) => block(page, 'js') !== undefined)

test.each(pages)(
  'docs/start/%s prints the output that it shows',
  async (page) => {
    const options = { cwd: root, timeout: 60_000, env: { ...process.env, NO_COLOR: '1' } }
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [QUICK_WASM, '--input-type=module', '-e', block(page, 'js')!],
      options,
    )
    expect(stdout).toBe(block(page, 'text'))
  },
  60_000,
)
