/**
 * A table of text, and the options for printing it. Rows can be read more than once, because aligned formats measure them
 * before they write. Knows no SQL; the formats have their own files.
 */

export type Format = 'aligned' | 'asciidoc' | 'csv' | 'html' | 'json' | 'markdown' | 'ndjson' | 'unaligned' | 'wrapped'

export const FORMATS: readonly Format[] = [
  'aligned',
  'asciidoc',
  'csv',
  'html',
  'json',
  'markdown',
  'ndjson',
  'unaligned',
  'wrapped',
]

/** A value as the server printed it. */
export type Cell = string | null

export interface TableColumn {
  readonly name: string
  readonly typeOid: number
}

export interface Table {
  readonly title?: string
  readonly columns: readonly TableColumn[]
  readonly rows: Iterable<readonly Cell[]>
  readonly rowCount: number
  /** Lines below the table. Default: `(n rows)`. */
  readonly footers?: readonly string[]
}

export interface PrintOptions {
  format: Format
  /** One line for each value; `auto`: only when a row is wider than the screen. */
  expanded: 'off' | 'on' | 'auto'
  /** 0: no lines, 1: between columns, 2: also around the table; HTML allows more. */
  border: number
  linestyle: 'ascii' | 'unicode'
  /** The text for NULL. */
  nullText: string
  fieldSeparator: string
  recordSeparator: string
  csvSeparator: string
  /** Whether headers and footers are left out. */
  tuplesOnly: boolean
  footer: boolean
  /** Width of the screen in columns; 0 when there is none. */
  columns: number
  /** The title above each result; empty for none. */
  title: string
  /** When a pager is used: never, for output taller than the screen, or always. */
  pager: 'off' | 'long' | 'always'
  /** The pager is not used for fewer lines than this. */
  pagerMinLines: number
  /** Attributes of HTML's `table` element. */
  tableAttributes: string
  /** The greatest number of rows to print; 0 for all. */
  rowLimit: number
}

export type Write = (text: string) => void

export function defaultPrintOptions(): PrintOptions {
  return {
    format: 'aligned',
    expanded: 'off',
    border: 1,
    linestyle: 'ascii',
    nullText: '',
    fieldSeparator: '|',
    recordSeparator: '\n',
    csvSeparator: ',',
    tuplesOnly: false,
    footer: true,
    columns: 0,
    title: '',
    pager: 'long',
    pagerMinLines: 0,
    tableAttributes: '',
    rowLimit: 0,
  }
}

/** The types that psql aligns to the right: int2 int4 int8 oid float4 float8 numeric money xid cid xid8. */
const RIGHT_ALIGNED = new Set([20, 21, 23, 26, 28, 29, 700, 701, 790, 1700, 5069])

export function isRightAligned({ typeOid }: TableColumn): boolean {
  return RIGHT_ALIGNED.has(typeOid)
}

/** The lines below a table; the count of rows unless the table has its own. */
export function footersOf(table: Table, options: PrintOptions): readonly string[] {
  if (options.tuplesOnly) return []
  if (table.footers !== undefined) return table.footers
  if (!options.footer) return []
  const { rowCount } = table
  const shown = shownRows(table, options)
  if (shown < rowCount) return [`(${rowCount} rows, the first ${shown} shown)`]
  return [`(${rowCount} ${rowCount === 1 ? 'row' : 'rows'})`]
}

/** The number of rows that are printed. */
export function shownRows({ rowCount }: Table, { rowLimit }: PrintOptions): number {
  return rowLimit > 0 ? Math.min(rowLimit, rowCount) : rowCount
}

/** The rows that are printed. */
export function* rowsToShow(table: Table, options: PrintOptions): Generator<readonly Cell[], void, undefined> {
  let left = shownRows(table, options)
  if (left === 0) return
  for (const row of table.rows) {
    yield row
    left -= 1
    if (left === 0) return
  }
}
