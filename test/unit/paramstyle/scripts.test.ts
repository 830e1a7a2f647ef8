/** The lexer reads the SQL that comes with PostgreSQL: its system views, its information schema, its extensions. */
import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { expect, test } from 'vitest'

import { rewrite } from '../../../src-sync/paramstyle/rewrite.ts'
import type { ParamStyle } from '../../../src-sync/paramstyle/style.ts'
import { locatePostgres } from '../../support/postgres-binaries.ts'

const share = join(dirname(locatePostgres(18).initdb), '..', 'share', 'postgresql')
const scripts = ['.', 'extension'].flatMap((folder) =>
  readdirSync(join(share, folder))
    .filter((name) => name.endsWith('.sql'))
    .map((name) => ({ name, sql: readScript(join(share, folder, name)) })),
)

/** The script as the server runs it: CREATE EXTENSION replaces such names by schemas. */
function readScript(path: string): string {
  return readFileSync(path, 'utf8').replaceAll(/@extschema(:\w+)?@/g, 'public')
}

test.each(['pyformat', 'numeric', 'named'] as const)('%s finds no marker in any script', (style: ParamStyle) => {
  const options = { standardConformingStrings: true, hasParameters: true }
  // hstore's operator %% is what pyformat writes for %, and $1 in the body of a function is a parameter of every style.
  const changed = scripts.filter(({ sql }) => {
    const { text, kind } = rewrite(style === 'pyformat' ? sql.replaceAll('%%', '%%%%') : sql, style, options)
    return (kind !== 'none' && kind !== 'native') || text !== sql
  })
  expect(changed.map(({ name }) => name)).toEqual([])
})

test('every quote and comment in them ends', () => {
  expect(scripts.length).toBeGreaterThan(150)
  const options = { standardConformingStrings: true, hasParameters: false }
  const open = scripts.filter(({ sql }) => rewrite(sql, 'pyformat', options).unterminatedAt !== null)
  expect(open.map(({ name }) => name)).toEqual([])
})
