/**
 * What is printed: a table of text, and how. Rows can be read more than once, because aligned formats measure before they
 * write. Knows nothing of SQL; the formats are in files of their own.
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
  /** Lines below the table; `(n rows)` where there are none. */
  readonly footers?: readonly string[]
}

export interface PrintOptions {
  format: Format
  /** One line for each value; `auto` when a row is wider than the screen. */
  expanded: 'off' | 'on' | 'auto'
  /** 0 none, 1 between columns, 2 around; HTML knows more. */
  border: number
  linestyle: 'ascii' | 'unicode'
  /** What stands for NULL. */
  nullText: string
  fieldSeparator: string
  recordSeparator: string
  csvSeparator: string
  /** No headers, no footers. */
  tuplesOnly: boolean
  footer: boolean
  /** Width of the screen; 0 where there is none. */
  columns: number
  /** Above each result; empty for none. */
  title: string
  /** Whether what is taller than the screen goes through a pager, all of it, or nothing. */
  pager: 'off' | 'long' | 'always'
  /** Fewer lines are never paged. */
  pagerMinLines: number
  /** Of HTML's `table`. */
  tableAttributes: string
  /** Most rows to print, 0 for all. */
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

/** int2 int4 int8 oid float4 float8 numeric money xid cid xid8: what psql sets to the right. */
const RIGHT_ALIGNED = new Set([20, 21, 23, 26, 28, 29, 700, 701, 790, 1700, 5069])

export function isRightAligned({ typeOid }: TableColumn): boolean {
  return RIGHT_ALIGNED.has(typeOid)
}

/** The lines below a table, with the count of rows where nothing else is to be said. */
export function footersOf(table: Table, options: PrintOptions): readonly string[] {
  if (options.tuplesOnly) return []
  if (table.footers !== undefined) return table.footers
  if (!options.footer) return []
  const { rowCount } = table
  const shown = shownRows(table, options)
  if (shown < rowCount) return [`(${rowCount} rows, the first ${shown} shown)`]
  return [`(${rowCount} ${rowCount === 1 ? 'row' : 'rows'})`]
}

/** How many rows are printed. */
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
