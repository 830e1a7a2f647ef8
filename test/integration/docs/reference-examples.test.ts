/** Runs each example of the docstrings against a real server, and checks the lines that show what they print. */
import { fork } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { expect, test } from 'vitest'

import { freshDatabase, sharedServer } from '../../support/shared-server.ts'

const root = new URL('../../../', import.meta.url)
const program = fileURLToPath(new URL('test/support/reference-examples.mjs', root))

const pages = readdirSync(new URL('docs/reference', root)).map((file) => file.replace(/\.md$/, ''))
const withExamples = pages.filter((page) => {
  return readFileSync(new URL(`docs/reference/${page}.md`, root), 'utf8').includes('**Example**')
})

interface Report {
  readonly page: string
  readonly count: number
  readonly failures: readonly string[]
}

/** All pages run in one process, because starting a process takes longer than most pages. */
function runAll(dsn: string): Promise<Report[]> {
  const child = fork(program, [dsn, ...withExamples], { cwd: fileURLToPath(root), silent: true, timeout: 150_000 })
  const reports: Report[] = []
  let output = ''
  child.stderr!.on('data', (text) => (output += String(text)))
  child.stdout!.resume()
  child.on('message', (report) => reports.push(report as Report))
  return new Promise((resolve, reject) => {
    child.on('exit', (code) => {
      if (code === 0) resolve(reports)
      else reject(new Error(`ended with ${code} after ${reports.at(-1)?.page}: ${output.slice(-2000)}`))
    })
  })
}

test('the examples of docs/reference run', async () => {
  const reports = await runAll(sharedServer().dsn({ database: await freshDatabase() }))
  expect(reports.flatMap(({ page, failures }) => failures.map((failure) => `${page}.md: ${failure}`))).toEqual([])
  expect(reports.filter(({ count }) => count > 0).map(({ page }) => page)).toEqual(withExamples)
}, 180_000)
