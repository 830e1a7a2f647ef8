/** Checks docs/faces.md: it has a row for each difference between the two APIs, and no other row. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

import { doorOf, readDoor } from '../../support/door-members.ts'
import { type Difference, differencesOf } from '../../support/face-differences.ts'

interface Row {
  readonly name: string
  readonly kinds: readonly Difference['kind'][]
  readonly side: string
}

const KINDS: Readonly<Record<string, readonly Difference['kind'][]>> = {
  'Names that one of them has': ['name'],
  'Options that one of them takes': ['option'],
  'Results that differ': ['result'],
  'Types that differ': ['type', 'option type'],
}

/** A row for each name in the first column, and for each option in its braces. */
function rowsOf(page: string): Row[] {
  const rows: Row[] = []
  let kinds: Row['kinds'] | undefined
  for (const line of page.split('\n')) {
    if (line.startsWith('## ')) kinds = KINDS[line.slice(3)]
    const [, first, side] = line.split('|').map((cell) => cell.trim())
    if (kinds === undefined || first === undefined || side === undefined) continue
    const isOfBoth = kinds.some((kind) => kind === 'result' || kind === 'type')
    // After a colon the cell says what the type is for.
    for (const [, name = ''] of first.replace(/: .*$/, '').matchAll(/`([^`]+)`/g)) {
      const [, method = '', options] = /^(.*?)\{ (.*) \}$/.exec(name) ?? []
      const names = options === undefined ? [name] : options.split(', ').map((option) => `${method}{ ${option} }`)
      for (const each of names) rows.push({ name: each, kinds, side: isOfBoth ? 'both' : side })
    }
  }
  return rows
}

function isAbout(row: Row, { name, kind, side }: Difference): boolean {
  // The methods of two classes that have nothing in common but their name.
  if (row.name.endsWith('.*')) return name.startsWith(row.name.slice(0, -1))
  if (!row.kinds.includes(kind) || (row.side !== side && row.side !== 'both')) return false
  return row.name === name || (row.name.startsWith('{') && name.endsWith(row.name))
}

/** The differences that the table lacks, and the rows that are no differences. */
function disagreements(
  differences: readonly Difference[],
  rows: readonly Row[],
): { missing: string[]; idle: string[] } {
  const missing = differences.filter((each) => !rows.some((row) => isAbout(row, each)))
  const idle = rows.filter((row) => !differences.some((each) => isAbout(row, each)))
  const told = ({ name, side, detail }: Difference): string => `${name} (${detail === '' ? side : detail})`
  return { missing: missing.map(told), idle: idle.map(({ name, side }) => `${name} (${side})`) }
}

test('docs/faces.md has a row for each difference of the two APIs, and no other row', () => {
  const rows = rowsOf(readFileSync(new URL('../../../docs/faces.md', import.meta.url), 'utf8'))
  const differences = differencesOf(readDoor('src-sync/index.d.ts'), readDoor('src-async/index.d.ts'))
  expect(disagreements(differences, rows)).toEqual({ missing: [], idle: [] })
})

describe('the comparison finds', () => {
  const door = (members: string, more = ''): ReturnType<typeof doorOf> =>
    doorOf(`exports:
  Connection
  Options

--- connection.d.ts
type Rows = number | undefined;
type Count = bigint;
interface Limit {
    readonly timeout?: number;
}
export interface Options extends Limit {
    readonly rows?: number;
    readonly each?: () => void;
}
export declare class Connection {
    #private;
${members}
}
${more}`)
  const blocking = door('    fetch(sql: string, options?: Options): Row[];\n    get closed(): boolean;')
  const asAsync = '    fetch(sql: string, options?: Options): Promise<Row[]>;\n    get closed(): boolean;'

  test.each<[string, string, Partial<Difference>[]]>([
    ['nothing where both are the same', asAsync, []],
    [
      'nothing where one has promises, another order or a name for a type',
      asAsync.replace(
        'options?: Options',
        'options?: { readonly rows: undefined | Rows; timeout?: number; each?: () => void | Promise<void> }',
      ),
      [],
    ],
    ['a method of one', `${asAsync}\n    ping(): Promise<void>;`, [{ name: 'Connection.ping', side: 'async' }]],
    ['a property of one', asAsync.replace(/\n.*/, ''), [{ name: 'Connection.closed', side: 'blocking' }]],
    [
      'an option of one',
      asAsync.replace('options?: Options', 'options?: Options & { readonly signal?: AbortSignal; }'),
      [{ name: 'Connection.fetch { signal }', kind: 'option', side: 'async' }],
    ],
    [
      'options that a type leaves out',
      asAsync.replace('options?: Options', "options?: Omit<Options, 'timeout'>"),
      [{ name: 'Connection.fetch { timeout }', kind: 'option', side: 'blocking' }],
    ],
    [
      'another result',
      asAsync.replace('Promise<Row[]>', 'Promise<string>'),
      [{ name: 'Connection.fetch', kind: 'result', detail: 'Row[] / string' }],
    ],
    [
      'another type of an option',
      asAsync.replace('options?: Options', "options?: Omit<Options, 'timeout'> & { readonly timeout?: string | null }"),
      [{ name: 'Connection.fetch { timeout }', kind: 'option type', detail: 'number / null | string' }],
    ],
    [
      'another type of an option behind a name',
      asAsync.replace('options?: Options', "options?: Omit<Options, 'rows'> & { readonly rows?: Count | undefined; }"),
      [{ name: 'Connection.fetch { rows }', kind: 'option type', detail: 'number / Count' }],
    ],
    [
      'another result of a function in an option',
      asAsync.replace(
        'options?: Options',
        "options?: Omit<Options, 'each'> & { readonly each?: () => Promise<string>; }",
      ),
      [{ name: 'Connection.fetch { each }', kind: 'option type', detail: '() => void / () => string' }],
    ],
    [
      'another type of a property',
      asAsync.replace('closed(): boolean', 'closed(): string'),
      [{ name: 'Connection.closed', kind: 'result', detail: 'boolean / string' }],
    ],
  ])('%s', (_title, members, expected) => {
    expect(differencesOf(blocking, door(members))).toMatchObject(expected)
    expect(differencesOf(blocking, door(members))).toHaveLength(expected.length)
  })

  test('a row without a difference', () => {
    const rows = rowsOf('## Names that one of them has\n| `Connection.ping`, `Connection.gone` | async | why |')
    const found: Difference = { name: 'Connection.ping', kind: 'name', side: 'async', detail: '' }
    expect(disagreements([found], rows)).toEqual({ missing: [], idle: ['Connection.gone (async)'] })
    expect(disagreements([{ ...found, side: 'blocking' }], rows).missing).toEqual(['Connection.ping (blocking)'])
  })
})
