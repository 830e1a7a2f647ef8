/** `syncpg sqlite-check` with five public schemas in short form, with programs, and with its options. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { sqlInSource } from '../../../src-sync/sqlite-move/sql-in-source.ts'
import { type CliRun, runShell } from '../../support/run-cli.ts'

const fixtures = fileURLToPath(new URL('../../support/fixtures/sqlite/', import.meta.url))
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'syncpg-check-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const environment = { cwd: fixtures, env: { NO_COLOR: '1' } }
/** Runs without the option -X, which only the prompt has. */
const check = (words: string): Promise<CliRun> => runShell(`\${SYNCPG% -X} sqlite-check ${words}`, environment)

interface Finding {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly effect: 'fails' | 'differs'
  readonly rule: string
}

async function findings(words: string): Promise<Finding[]> {
  const { stdout } = await check(`--json ${words}`)
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Finding)
}

const failing = (found: readonly Finding[]): string[] => [
  ...new Set(found.filter(({ effect }) => effect === 'fails').map(({ line, rule }) => `${line} ${rule}`)),
]

describe('in five public schemas, check finds the lines that fail', () => {
  test.each([
    [
      'chinook',
      [
        '2 having-alias',
        '3 limit-comma',
        '4 strftime',
        '4 total',
        '5 group-concat',
        '6 bracketed-name',
        '6 glob',
        '7 printf',
      ],
    ],
    [
      'northwind',
      [
        '1 blob-literal',
        '2 double-quoted-text',
        '3 ifnull',
        '4 insert-or-replace',
        '6 null-key',
        '7 date-modifier',
        '8 last-insert-rowid',
        '9 limit-negative',
        '10 double-equals',
      ],
    ],
    [
      'sakila',
      [
        '1 collate',
        '3 sum-of-condition',
        '4 update-or',
        '5 instr',
        '6 is-value',
        '7 not-null',
        '8 iif',
        '9 now',
        '10 rowid',
      ],
    ],
    [
      'places',
      [
        '1 date-modifier',
        '3 insert-or-ignore',
        '4 upsert-target',
        '5 least-greatest',
        '6 sqlite-master',
        '7 pragma',
        '8 double-equals',
      ],
    ],
    ['anki', ['2 json-extract', '7 strftime', '8 hex', '8 typeof', '9 insert-or-replace', '10 regexp']],
  ])('%s', async (name, expected) => {
    expect(failing(await findings(`${name}-queries.sql`))).toEqual(expected)
  })

  test.each([
    ['chinook', ['bracketed-name', 'odd-text', 'datetime']],
    [
      'northwind',
      ['bracketed-name', 'autoincrement', 'blob', 'backticked-name', 'datetime', 'strftime', 'blob-literal'],
    ],
    ['sakila', ['blob', 'collate', 'trigger', 'now', 'rowid']],
    ['places', ['odd-text', 'autoincrement', 'no-type', 'without-rowid']],
    ['anki', ['now', 'boolean-number', 'generated', 'trigger', 'char']],
  ])('and those in the schema of %s', async (name, expected) => {
    const found = await findings(`${name}.sql`)
    expect([...new Set(found.filter(({ effect }) => effect === 'fails').map(({ rule }) => rule))]).toEqual(expected)
  })
})

describe('a program', () => {
  const source = [
    "const fine = 'insert into a pull request' // 'select ifnull(1)'",
    'const rows = db.prepare("SELECT ifnull(a, \'x\') FROM t WHERE b = ?").all(1) / 2',
    "const pattern = /'select ifnull(1)'/g, other = 4 / 2 / 1",
    'db.exec(`CREATE TABLE IF NOT EXISTS ${table} (',
    '  logo BLOB, note TEXT DEFAULT \\`x\\`',
    ')`)',
    "db.prepare(`SELECT * FROM t WHERE a = ${f('delete from x limit 1')}`)",
    "const escaped = 'select * from t where a == \\'b\\''",
  ].join('\n')

  test('check reads strings and templates that begin like a statement', () => {
    const pieces = sqlInSource(source)
    expect(pieces.map(({ sql }) => sql.replace(/\s+/g, ' '))).toEqual([
      "SELECT ifnull(a, 'x') FROM t WHERE b = ?",
      'CREATE TABLE IF NOT EXISTS ? ( logo BLOB, note TEXT DEFAULT `x ` )',
      'SELECT * FROM t WHERE a = ? ',
      'delete from x limit 1',
      "select * from t where a == 'b '",
    ])
    for (const { sql, offset } of pieces) expect(source.slice(offset, offset + 6)).toBe(sql.slice(0, 6))
  })

  test('check reports their line and column in the file', async () => {
    writeFileSync(join(folder, 'app.ts'), source)
    const found = await findings(join(folder, 'app.ts'))
    expect(found.map(({ line, column, rule }) => `${line}:${column} ${rule}`)).toEqual([
      '2:33 ifnull',
      '5:8 blob',
      '5:33 backticked-name',
      '7:58 change-limit',
      '8:42 double-equals',
    ])
  })
})

describe('the report', () => {
  test('has each advice once, with its places and their number', async () => {
    const { status, stdout, stderr } = await check('places-queries.sql')
    expect(stdout).toMatch(/^fails: datetime?\b|^fails: date\(x, '\+1 day'\)/)
    expect(stdout).toContain(
      'fails: INSERT OR IGNORE: write INSERT … ON CONFLICT DO NOTHING [insert-or-ignore]\n  places-queries.sql:3:1  INSERT OR IGNORE INTO moz_origins',
    )
    expect(stdout).toMatch(/10 statements in 1 file: 7 places that will fail, 2 that will differ without an error\n$/)
    expect([status, stderr]).toEqual([1, ''])
  })

  test('shows ten places of a rule, and all when asked', async () => {
    expect((await check('chinook.sql')).stdout).toMatch(/^ {2}and \d+ more \(--all\)$/m)
    expect((await check('--all chinook.sql')).stdout).not.toContain('(--all)')
  })

  test('ends silently when its reader has closed the pipe', async () => {
    const { stdout, stderr } = await runShell(
      `yes "select [a] from t;" | head -20000 | \${SYNCPG% -X} sqlite-check --all - | head -1; echo "\${PIPESTATUS[2]}"`,
      environment,
    )
    expect([stdout, stderr]).toEqual(['fails: [name]: write "name" [bracketed-name]\n141\n', ''])
  })

  test('leaves out rules and effects if the options say so', async () => {
    const { status, stdout } = await check(
      '--fails --ignore glob --ignore=bracketed-name - <<< "select [a] from t where a glob 1 order by 1"',
    )
    expect([status, stdout]).toEqual([
      0,
      '1 statement in 1 file: 0 places that will fail, 0 that will differ without an error\n',
    ])
  })

  test.each([
    ['', 'no file was given'],
    ['nowhere.sql', 'nowhere.sql cannot be read: ENOENT'],
    ['--nosuch x', "Unknown option '--nosuch'"],
  ])('refuses: %s', async (words, message) => {
    const { status, stderr } = await check(words)
    expect([status, stderr]).toEqual([2, expect.stringContaining(`syncpg sqlite-check: error: ${message}`)])
  })
})
