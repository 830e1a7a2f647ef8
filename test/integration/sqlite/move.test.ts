/** The moved program of the guide. It prints what the original prints, and the guide's diff shows all changes. */
import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { afterAll, describe, expect, test } from 'vitest'

import { DIALECT_RULES } from '../../../src-sync/sqlite-dialect/rules.ts'
import { freshDatabase, sharedServer } from '../../support/shared-server.ts'
import { sqliteNode, writeSqlite } from '../../support/sqlite-node.ts'
import { type ProgramRun, runProgram } from '../../support/run-program.ts'
import { QUICK_WASM } from '../../support/quick-wasm.ts'

const folder = new URL('../../../docs/examples/sqlite-move/', import.meta.url)
const read = (path: string): string => readFileSync(new URL(path, folder), 'utf8')
const guide = read('../../guides/from-sqlite.md')
const cli = fileURLToPath(new URL('../../../dist/cli.js', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'syncpg-move-'))
afterAll(() => rmSync(scratch, { recursive: true }))

/** Runs a program where the examples are. */
function run(program: string, words: readonly string[]): Promise<ProgramRun> {
  return runProgram(program, words, { cwd: fileURLToPath(folder), env: { NO_COLOR: '1' }, timeoutMs: 60_000 })
}

function blocks(language: string): string[] {
  return [...guide.matchAll(/^```(\w+)\n([^]*?)^```$/gm)]
    .filter((block) => block[1] === language)
    .map((block) => block[2]!)
}

async function printed(program: string, ...parameters: string[]): Promise<string> {
  const path = fileURLToPath(new URL(program, folder))
  return (await promisify(execFile)(process.execPath, [path, ...parameters], { timeout: 60_000 })).stdout
}

test('the moved program prints the report with the embedded PostgreSQL', async () => {
  expect(await printed('after.mjs')).toBe(read('report.txt'))
}, 60_000)

test('and on a server', async () => {
  const dsn = sharedServer().dsn({ database: await freshDatabase() })
  expect(await printed('after.mjs', dsn)).toBe(read('report.txt'))
}, 60_000)

test.skipIf(sqliteNode === null)(
  'the original prints the same',
  async () => {
    expect((await run(sqliteNode!, ['before.mjs'])).stdout).toBe(read('report.txt'))
  },
  60_000,
)

test('the guide shows every line that changed', () => {
  const paths = ['before.mjs', 'after.mjs'].map((name) => fileURLToPath(new URL(name, folder)))
  const { stdout } = spawnSync('git', ['diff', '--no-index', '--no-color', '-U0', ...paths], { encoding: 'utf8' })
  const changed = stdout.split('\n').slice(4)
  const shown = /^```diff\n([^]*?)^```$/m.exec(guide.slice(guide.indexOf('## 4.')))?.[1]
  expect(shown).toBe(changed.filter((line) => !line.startsWith('@@')).join('\n'))
})

describe('each step of the guide', () => {
  test('its first example runs here, on the oldest Node', async () => {
    const { stdout } = await run(process.execPath, [QUICK_WASM, '--input-type=module', '-e', blocks('js').join('')])
    expect(stdout).toBe(blocks('text').join(''))
  }, 60_000)

  test('check prints the report that the guide shows', async () => {
    const { stdout, status } = await run(process.execPath, [cli, 'sqlite-check', 'before.mjs'])
    expect(blocks('console')[0]).toMatch(/^fails: INSERT OR IGNORE/)
    expect([stdout.includes(blocks('console')[0]!), status]).toEqual([true, 1])
  })

  test('check: nothing is left to fail in the moved program', async () => {
    const { stdout, status } = await run(process.execPath, [cli, 'sqlite-check', '--fails', 'after.mjs'])
    expect([stdout, status]).toEqual([expect.stringContaining(' 0 places that will fail'), 0])
  })

  test.skipIf(sqliteNode === null)('import prints the report that the guide shows', async () => {
    const file = join(scratch, 'tracker.db')
    await run(sqliteNode!, ['before.mjs', file])
    const dsn = sharedServer().dsn({ database: await freshDatabase() })
    const { stdout, status } = await run(sqliteNode!, [cli, 'sqlite-import', file, dsn])
    expect([stdout, status]).toEqual([blocks('console')[1], 0])
  })

  test.skipIf(sqliteNode === null)('side by side: it shows the answer that differs', async () => {
    const file = join(scratch, 'todo.db')
    writeSqlite(file, readFileSync(new URL('../../support/fixtures/sqlite/anki.sql', import.meta.url), 'utf8'))
    const dsn = sharedServer().dsn({ database: await freshDatabase() })
    await run(sqliteNode!, [cli, 'sqlite-import', file, dsn])
    const queries = join(scratch, 'queries.sql')
    writeFileSync(
      queries,
      'SELECT title FROM todoItem ORDER BY dueOn;\nSELECT id, createdAt, isDone AS isIt, dueOn FROM todoItem;\n',
    )
    const { stdout, status } = await run(sqliteNode!, ['side-by-side.mjs', file, dsn, queries])
    expect([stdout, status]).toEqual([blocks('console')[2], 1])
  })

  test.each(DIALECT_RULES.map(({ name, says }) => [name, says]))(
    "the guide's tables have the rule %s",
    (name, says) => {
      const row = `| \`${name}\` | ${says.replace(/([|*<>[\]\\])/g, '\\$1')} |`
      expect(guide).toContain(row)
    },
  )
})
