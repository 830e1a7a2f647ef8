/**
 * Compares the table of docs/guides/round-trips.md with the round trips that a relay between client and server counts.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { runScript } from '../../support/run-script.ts'
import { sharedServer } from '../../support/shared-server.ts'

const root = new URL('../../../', import.meta.url)
const page = readFileSync(new URL('docs/guides/round-trips.md', root), 'utf8')
const script = fileURLToPath(new URL('test/support/round-trips.mjs', root))

/** The names on the page, and their names in the script. */
const NAMES = new Map([
  ['connect, with a password', 'connect'],
  ['a text that the server has not seen', 'new text'],
  ['a text that runs again', 'known text'],
  ['COMMIT', 'commit'],
  ['ten INSERTs of one text, and the commit', 'ten inserts'],
  ['`transaction(fn)` of three new texts', 'three new texts'],
  ['`executemany` of 1,000 elements, and the commit', 'executemany'],
  ['`fetchmany` of 1,000 elements, and the commit', 'fetchmany'],
  ['`copyRecordsToTable` of 10,000 records, and the commit', 'copy in'],
  ['`copyFromTable` of 10,000 rows, and the commit', 'copy out'],
  ['`pipeline` of ten known statements, in a transaction', 'pipeline'],
  ['`pipeline` of ten new texts, in a transaction', 'pipeline of new texts'],
  ['`pipeline` of ten runs of one new text, in a transaction', 'pipeline of one new text'],
  ['`pipeline` of CREATE TABLE and nine new INSERTs into it, in a transaction', 'pipeline with a table'],
  ['1,000 rows in pieces of 250, in a transaction', 'rows in pieces'],
  ['`prepare`', 'prepare'],
  ['a run of a prepared statement', 'prepared run'],
  ['a text of several statements', 'script'],
  ['`transaction(fn)` with another one inside, a statement in each', 'savepoint'],
  ['`close`', 'close'],
  ['`pool.fetch`', 'pool.fetch'],
  ['`pool.withConnection` with one statement', 'withConnection'],
])

test('each method takes as many round trips as the guide says', async () => {
  const { stdout, stderr } = await runScript(`await import(${JSON.stringify(script)})`, {
    env: { TARGET: JSON.stringify(sharedServer()) },
  })
  expect(stderr).toBe('')
  const counted = JSON.parse(stdout) as Record<'syncpg' | 'syncpg/async', Record<string, number>>
  const shown = (count: number | undefined): string => (count === undefined ? '–' : String(count))
  const expected = [...NAMES].map(([words, name]) => [
    words,
    shown(counted.syncpg[name]),
    shown(counted['syncpg/async'][name]),
  ])
  const table = page.slice(page.indexOf('| what | `syncpg`'), page.indexOf('- **BEGIN'))
  const written = [...table.matchAll(/^\| (.+?) +\| (\d+|–) +\| (\d+|–) +\|$/gm)].map(([, ...cells]) => cells)
  expect(written).toEqual(expected)
})
