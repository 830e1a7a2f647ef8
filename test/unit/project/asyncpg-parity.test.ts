/**
 * Checks docs/asyncpg-parity.md: every public name of asyncpg is in a first column, and every test that a last column
 * names exists under that title.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { describe, expect, test } from 'vitest'

import { missingTests, namedTests } from '../../support/named-tests.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** The public names of asyncpg 0.31, without those of Python's own protocols. */
const SURFACE = {
  Connecting: 'connect connection_class record_class passfile service servicefile ssl direct_tls server_settings',
  Connection: `add_listener add_log_listener add_query_logger add_termination_listener close copy_from_query
    copy_from_table copy_records_to_table copy_to_table cursor execute executemany fetch fetchmany fetchrow fetchval
    get_reset_query get_server_pid get_server_version get_settings is_closed is_in_transaction prepare query_logger
    reload_schema_state remove_listener remove_log_listener remove_query_logger remove_termination_listener reset
    reset_type_codec set_builtin_type_codec set_type_codec terminate transaction`,
  'Prepared statements': `get_name get_query get_statusmsg get_parameters get_attributes cursor explain fetch fetchval
    fetchrow fetchmany executemany`,
  Cursors: 'CursorFactory Cursor.fetch fetchrow forward',
  Transactions: 'start commit rollback isolation readonly deferrable',
  Pool: `create_pool acquire release close terminate expire_connections set_connect_args get_size get_idle_size
    get_min_size get_max_size is_closing init setup reset execute executemany fetch fetchval fetchrow fetchmany`,
  'Rows, values, errors': `Record Type Attribute Range BitString Point Path Polygon Box Line LineSegment Circle
    ServerVersion ConnectionSettings LoggedQuery PostgresLogMessage InterfaceWarning InvalidCachedStatementError
    OutdatedSchemaCacheError get keys values items`,
}

interface Line {
  readonly section: string
  readonly theirs: string
  readonly ours: string
  readonly tests: string
}

function readLines(page: string): Line[] {
  const lines: Line[] = []
  let section = ''
  for (const text of page.split('\n')) {
    if (text.startsWith('## ')) section = text.slice(3)
    const [, theirs, ours, tests] = text.split(/(?<!\\)\|/).map((cell) => cell.trim())
    if (theirs === undefined || ours === undefined || tests === undefined) continue
    if (theirs !== 'asyncpg' && !theirs.startsWith('---')) lines.push({ section, theirs, ours, tests })
  }
  return lines
}

describe('the page for users of asyncpg', () => {
  const lines = readLines(readFileSync(`${root}docs/asyncpg-parity.md`, 'utf8'))

  test.each(Object.entries(SURFACE))('has every public name: %s', (section, names) => {
    const theirs = lines.filter((line) => line.section === section).map((line) => line.theirs)
    const words = new Set(theirs.flatMap((cell) => cell.match(/[\w.]+/g) ?? []))
    expect(names.split(/\s+/).filter((name) => !words.has(name))).toEqual([])
  })

  test('names tests that exist', () => {
    expect(lines.flatMap(({ tests }) => missingTests(tests))).toEqual([])
  })

  test('names a test in every line that claims something', () => {
    const bare = lines.filter(({ ours, tests }) => namedTests(tests).length === 0 && !ours.startsWith('nothing'))
    expect(bare.map(({ theirs }) => theirs)).toEqual([])
  })

  test('names only what exists: a wrong name would be found', () => {
    expect(lines.length).toBeGreaterThan(100)
    const cell = '`unit/project/asyncpg-parity` “names tests that exist” “no such title”, `unit/no-such-file`'
    expect(missingTests(cell)).toEqual(['unit/project/asyncpg-parity “no such title”', 'unit/no-such-file'])
  })
})
