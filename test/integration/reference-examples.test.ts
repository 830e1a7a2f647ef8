/** The examples of the docstrings do what they show: each one runs against a real server. */
import { fork } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { expect, test } from 'vitest'

import { freshDatabase, sharedServer } from '../support/shared-server.ts'

const root = new URL('../../', import.meta.url)
const program = fileURLToPath(new URL('test/support/reference-examples.mjs', root))

const pages = readdirSync(new URL('docs/reference', root)).map((file) => file.replace(/\.md$/, ''))
const withExamples = pages.filter((page) => {
  return readFileSync(new URL(`docs/reference/${page}.md`, root), 'utf8').includes('**Example**')
})

interface Report {
  readonly count: number
  readonly failures: readonly string[]
}

function run(page: string, dsn: string): Promise<Report> {
  const child = fork(program, [page, dsn], { cwd: fileURLToPath(root), silent: true, timeout: 100_000 })
  let output = ''
  child.stderr!.on('data', (text) => (output += String(text)))
  child.stdout!.resume()
  return new Promise((resolve, reject) => {
    child.on('message', (report) => resolve(report as Report))
    child.on('exit', (code) => reject(new Error(`${page}: ended with ${code}: ${output.slice(-2000)}`)))
  })
}

test.each(withExamples)(
  'the examples of docs/reference/%s.md run',
  async (page) => {
    const { count, failures } = await run(page, sharedServer().dsn({ database: await freshDatabase() }))
    expect(failures).toEqual([])
    expect(count).toBeGreaterThan(0)
  },
  120_000,
)

test('methods that ask the server have an example', () => {
  for (const page of ['syncpg-connection', 'syncpg-cursor', 'async-connection']) {
    const text = readFileSync(new URL(`docs/reference/${page}.md`, root), 'utf8')
    const methods = text.split(/^### (?=[a-z])/m).slice(1)
    const without = methods.filter((method) => !method.includes('**Example**'))
    expect(without.map((method) => method.split('\n', 1)[0])).toEqual([])
  }
})
