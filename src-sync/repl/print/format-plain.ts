/** Formats for programs: psql's unaligned and CSV, JSON and JSON lines. Each reads the rows once. */
import { jsonOf, uniqueNames } from './json-value.ts'
import { type Cell, type PrintOptions, type Table, type Write, footersOf, rowsToShow } from './table.ts'

export function writeUnaligned(table: Table, options: PrintOptions, write: Write): void {
  const { fieldSeparator, recordSeparator, nullText, tuplesOnly } = options
  let isFirst = true
  const record = (text: string): void => {
    write(isFirst ? text : recordSeparator + text)
    isFirst = false
  }
  if (!tuplesOnly && table.title !== undefined) record(table.title)
  if (!tuplesOnly) record(table.columns.map(({ name }) => name).join(fieldSeparator))
  for (const row of rowsToShow(table, options)) record(row.map((value) => value ?? nullText).join(fieldSeparator))
  for (const footer of footersOf(table, options)) record(footer)
  if (!isFirst) write(recordSeparator === '\0' ? '\0' : '\n')
}

export function writeUnalignedExpanded(table: Table, options: PrintOptions, write: Write): void {
  const { fieldSeparator, recordSeparator, nullText, tuplesOnly } = options
  let isFirst = true
  if (!tuplesOnly && table.title !== undefined) {
    write(table.title)
    isFirst = false
  }
  for (const row of rowsToShow(table, options)) {
    if (!isFirst) write(recordSeparator + recordSeparator)
    isFirst = false
    const lines = row.map((value, index) => `${table.columns[index]!.name}${fieldSeparator}${value ?? nullText}`)
    write(lines.join(recordSeparator))
  }
  if (!tuplesOnly && (table.footers !== undefined || table.rowCount === 0)) {
    if (!isFirst && table.rowCount > 0 && footersOf(table, options).length > 0) write(recordSeparator)
    for (const footer of footersOf(table, options)) {
      write(isFirst ? footer : `${recordSeparator}${footer}`)
      isFirst = false
    }
  }
  if (!isFirst) write(recordSeparator === '\0' ? '\0' : '\n')
}

export function writeCsv(table: Table, options: PrintOptions, write: Write): void {
  const { csvSeparator, nullText } = options
  const quoted = (value: Cell): string => csvField(value ?? nullText, csvSeparator)
  if (options.expanded === 'on') {
    for (const row of rowsToShow(table, options)) {
      row.forEach((value, index) => {
        write(`${quoted(table.columns[index]!.name)}${csvSeparator}${quoted(value)}\n`)
      })
    }
    return
  }
  if (!options.tuplesOnly) write(`${table.columns.map(({ name }) => quoted(name)).join(csvSeparator)}\n`)
  for (const row of rowsToShow(table, options)) write(`${row.map(quoted).join(csvSeparator)}\n`)
}

/** Quotes a field as psql does: when it contains the separator, a quote or a line break, or is `\.`, the end of COPY data. */
function csvField(text: string, separator: string): string {
  // When the separator is `.` or `\`, two fields together could form `\.`, so every field is quoted.
  const mayEnd = separator === '.' || separator === '\\'
  const isPlain = !mayEnd && !/["\r\n]/.test(text) && !text.includes(separator) && text !== '\\.'
  return isPlain ? text : `"${text.replaceAll('"', '""')}"`
}

/**
 * Writes a result as one line, an array of its rows: one result is one JSON document, several results are NDJSON. On a
 * terminal each row has its own line.
 */
export function writeJson(table: Table, options: PrintOptions, write: Write): void {
  const record = recordWriter(table)
  const between = options.columns > 0 ? ',\n ' : ', '
  let isFirst = true
  for (const row of rowsToShow(table, options)) {
    write(isFirst ? '[' : between)
    isFirst = false
    write(record(row))
  }
  write(isFirst ? '[]\n' : ']\n')
}

export function writeNdjson(table: Table, options: PrintOptions, write: Write): void {
  const record = recordWriter(table)
  for (const row of rowsToShow(table, options)) write(`${record(row)}\n`)
}

function recordWriter({ columns }: Table): (row: readonly Cell[]) => string {
  const keys = uniqueNames(columns.map(({ name }) => name)).map((name) => JSON.stringify(name))
  return (row) => {
    let text = '{'
    for (let index = 0; index < row.length; index++) {
      text += `${index === 0 ? '' : ', '}${keys[index]!}: ${jsonOf(row[index]!, columns[index]!.typeOid)}`
    }
    return `${text}}`
  }
}
