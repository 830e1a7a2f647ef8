/** `\crosstabview`: prints a result with the values of one column as row headers and those of another as column headers. */
import { foldName } from '../fold-name.ts'
import { ShellError } from './complaint.ts'
import { resultTable } from '../statements/execute-sql.ts'
import type { Cell, Table, TableColumn } from './table.ts'
import type { Cursor } from '../../index.ts'

/** The greatest number of columns in a table of PostgreSQL. */
const MOST_COLUMNS = 1600

interface Header {
  readonly value: Cell
  readonly place: number
  readonly rank: number
}

/** @param words names or numbers of the columns: row headers, column headers, values, order of the column headers */
export function crosstabOf(cursor: Cursor, words: readonly string[], nullText: string): Table {
  const { columns, rows } = resultTable(cursor)
  const fields = fieldsOf(columns, words)
  const across = new Map<Cell, Header>()
  const down = new Map<Cell, Header>()
  const cells: Cell[][] = []
  for (const row of rows) {
    const sortValue = fields.sort === null ? null : row[fields.sort]!
    const top = headerOf(across, row[fields.across]!, sortValue)
    const side = headerOf(down, row[fields.down]!, null)
    if (across.size > MOST_COLUMNS) fail(`maximum number of columns (${MOST_COLUMNS}) exceeded`)
    const line = (cells[side.place] ??= [])
    if (line[top.place] !== undefined) {
      const shown = (value: Cell): string => value ?? (nullText === '' ? '(null)' : nullText)
      fail(`query result contains multiple data values for row "${shown(side.value)}", column "${shown(top.value)}"`)
    }
    line[top.place] = row[fields.data]! ?? nullText
  }
  const ordered = [...across.values()]
  if (fields.sort !== null) ordered.sort((left, right) => left.rank - right.rank)
  const { typeOid } = columns[fields.data]!
  return {
    columns: [columns[fields.down]!, ...ordered.map(({ value }) => ({ name: value ?? nullText, typeOid }))],
    rows: [...down.values()].map(({ value, place }) => [
      value ?? nullText,
      ...ordered.map((top) => cells[place]?.[top.place] ?? ''),
    ]),
    rowCount: down.size,
  }
}

/** The header of a value; a new value gets the next place. */
function headerOf(headers: Map<Cell, Header>, value: Cell, sortValue: Cell): Header {
  const known = headers.get(value)
  if (known !== undefined) return known
  const rank = sortValue !== null && /^-?\d+$/.test(sortValue) ? Number(sortValue) : 0
  const header = { value, place: headers.size, rank }
  headers.set(value, header)
  return header
}

interface Fields {
  readonly down: number
  readonly across: number
  readonly data: number
  readonly sort: number | null
}

function fieldsOf(columns: readonly TableColumn[], words: readonly string[]): Fields {
  if (columns.length < 3) fail('query must return at least three columns')
  const [downWord, acrossWord, dataWord, sortWord] = words
  const down = downWord === undefined ? 0 : indexOf(columns, downWord)
  const across = acrossWord === undefined ? 1 : indexOf(columns, acrossWord)
  if (down === across) fail('vertical and horizontal headers must be different columns')
  if (dataWord === undefined && columns.length !== 3) {
    fail('data column must be specified when query returns more than three columns')
  }
  const data = dataWord === undefined ? 3 - down - across : indexOf(columns, dataWord)
  return { down, across, data, sort: sortWord === undefined ? null : indexOf(columns, sortWord) }
}

function indexOf(columns: readonly TableColumn[], word: string): number {
  if (/^\d+$/.test(word)) {
    const index = Number(word) - 1
    if (index < 0 || index >= columns.length) fail(`column number ${word} is out of range 1..${columns.length}`)
    return index
  }
  const parts = word.split(/("(?:[^"]|"")*")/)
  const name = parts
    .map((part) => (part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : foldName(part)))
    .join('')
  const found = columns.flatMap((column, index) => (column.name === name ? [index] : []))
  if (found.length > 1) fail(`ambiguous column name: "${name}"`)
  if (found.length === 0) fail(`column name not found: "${name}"`)
  return found[0]!
}

function fail(text: string): never {
  throw new ShellError(`\\crosstabview: ${text}`)
}
