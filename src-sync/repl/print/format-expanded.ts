/** psql's expanded format: one record below the other, with each value on its own line beside the column's name. */
import { rulesOf } from './format-aligned.ts'
import { type Line, linesOf } from './display-width.ts'
import { wrapped } from './wrapping.ts'
import { type PrintOptions, type Table, type Write, footersOf, rowsToShow, shownRows } from './table.ts'

export function writeExpanded(table: Table, options: PrintOptions, write: Write): void {
  if (!options.tuplesOnly && table.title !== undefined) write(`${table.title}\n`)
  // Records without columns are shown only by the count of rows.
  if (table.rowCount === 0 || table.columns.length === 0) {
    for (const footer of footersOf(table, options)) write(`${footer}\n`)
    write('\n')
    return
  }
  const { vertical, goesOn, wraps } = rulesOf(options)
  const names = table.columns.map(({ name }) => linesOf(name))
  const nameWidth = widest(names)
  const isNameTall = names.some((lines) => lines.length > 1)
  const widths = { nameWidth, isNameTall }
  const isWrapped = options.format === 'wrapped'
  const valueWidth = isWrapped
    ? wrappedWidth(table, options, widths)
    : Math.max(widestValue(table, options).width, leastWidth(table, options, isNameTall) - nameWidth)
  let record = 0
  for (const row of rowsToShow(table, options)) {
    record += 1
    if (!options.tuplesOnly) write(head(record, nameWidth, valueWidth, options))
    else if (record > 1 || options.border === 2) write(head(0, nameWidth, valueWidth, options))
    for (let index = 0; index < row.length; index++) {
      const name = names[index]!
      const lines = linesOf(row[index] ?? options.nullText)
      const value = isWrapped ? wrapped(lines, valueWidth) : lines
      const height = Math.max(name.length, value.length)
      for (let at = 0; at < height; at++) {
        const nameGoesOn = name[at + 1] !== undefined
        const valueGoesOn = value[at + 1] !== undefined
        let text = options.border === 2 ? `${vertical} ` : ''
        text += padded(name[at], nameWidth)
        if (nameGoesOn) text += goesOn
        else if (options.border !== 0 || isNameTall) text += ' '
        if (options.border !== 0) text += vertical
        const line = value[at]
        // Below the last line of a value psql prints nothing, not even the leading blank.
        if (line !== undefined || options.border === 2) text += line?.isContinued === true ? wraps : ' '
        const isPadded = options.border === 2 || valueGoesOn
        text += isPadded ? padded(line, valueWidth) : (line?.text ?? '')
        if (line?.wraps === true) text += wraps
        else if (valueGoesOn) text += goesOn
        else if (options.border === 2) text += ' '
        if (options.border === 2) text += vertical
        write(`${text}\n`)
      }
    }
  }
  if (options.border === 2) write(rule(nameWidth, valueWidth, options, 'bottom'))
  const footers = options.tuplesOnly ? [] : expandedFooters(table, options)
  if (footers.length > 0 && options.border < 2) write('\n')
  for (const footer of footers) write(`${footer}\n`)
  write('\n')
}

/** The lines below the records. The count of rows appears only when rows are left out, because records are numbered. */
function expandedFooters(table: Table, options: PrintOptions): readonly string[] {
  if (table.footers !== undefined) return table.footers
  return footersOf(table, options).filter((footer) => footer.includes('shown'))
}

/** The line above a record: its number, then rules as wide as the names and the values. */
function head(record: number, nameWidth: number, valueWidth: number, options: PrintOptions): string {
  const { border } = options
  const rules = rulesOf(options)
  const { horizontal } = rules
  const [left, middle, right] = record <= 1 ? rules.top : rules.middle
  const fill = border > 0 ? horizontal : ' '
  let text = border === 2 ? left + horizontal : border === 1 ? horizontal : ''
  let label = record === 0 ? '' : border === 0 ? `* Record ${record}` : `[ RECORD ${record} ]`
  // The label replaces a part of the rule: each section of the line is shortened by the part that the label covers.
  let covered = label.length + (border === 2 ? 0 : 1)
  text += label
  label = ''
  text += fill.repeat(Math.max(0, nameWidth - covered))
  covered -= nameWidth
  if (border > 0) {
    if (covered-- <= 0) text += horizontal
    if (covered-- <= 0) text += border === 1 && record <= 1 && options.linestyle === 'ascii' ? '+' : middle
    if (covered-- <= 0) text += horizontal
  } else if (covered-- <= 0) {
    text += ' '
  }
  text += fill.repeat(Math.max(0, valueWidth - Math.max(0, covered)))
  if (border === 2) text += horizontal + right
  return `${text}\n`
}

function rule(nameWidth: number, valueWidth: number, options: PrintOptions, where: 'bottom'): string {
  const rules = rulesOf(options)
  const { horizontal } = rules
  const [left, middle, right] = rules[where]
  return `${left}${horizontal.repeat(nameWidth + 2)}${middle}${horizontal.repeat(valueWidth + 2)}${right}\n`
}

function padded(line: Line | undefined, width: number): string {
  return line === undefined ? ' '.repeat(width) : line.text + ' '.repeat(width - line.width)
}

/** The least width of the values, so that the line above a record has room for the record's number. */
function leastWidth(table: Table, options: PrintOptions, isNameTall: boolean): number {
  if (options.tuplesOnly) return 0
  const last = shownRows(table, options)
  if (options.border === 0) return `* Record ${last}`.length - (isNameTall ? '+ +' : ' +').length
  if (options.border === 1) return `-[ RECORD ${last} ]`.length - ' | +'.length
  return `+-[ RECORD ${last} ]-+`.length - '|  |  |'.length
}

/** The width of values in the wrapped format. Source of truth: PostgreSQL, src/fe_utils/print.c, print_aligned_vertical. */
function wrappedWidth(
  table: Table,
  options: PrintOptions,
  { nameWidth, isNameTall }: { readonly nameWidth: number; readonly isNameTall: boolean },
): number {
  const { border, columns, tuplesOnly } = options
  const { width: natural, isTall } = widestValue(table, options)
  const digits = String(shownRows(table, options)).length
  const headWidth = tuplesOnly ? 0 : digits + (border === 0 ? 9 : border === 1 ? 12 : 15)
  const frame = border === 0 ? (isNameTall ? 2 : 1) : border === 1 ? 3 : 7
  const room = (marks: number): number => {
    const around = nameWidth + frame + marks
    const whole = Math.max(around + natural, headWidth)
    const least = Math.max(around + LEAST_VALUE_WIDTH, headWidth)
    const used = columns === 0 || columns >= whole ? whole : Math.max(columns, least)
    return used - around
  }
  const markWidth = border < 2 ? 1 : 0
  const found = room(isTall ? markWidth : 0)
  return found < natural && !isTall ? room(markWidth) : found
}

const LEAST_VALUE_WIDTH = 3

function widest(cells: readonly (readonly Line[])[]): number {
  return cells.reduce((most, lines) => lines.reduce((wide, { width }) => Math.max(wide, width), most), 0)
}

function widestValue(table: Table, options: PrintOptions): { width: number; isTall: boolean } {
  let width = 0
  let isTall = false
  for (const row of rowsToShow(table, options)) {
    for (const value of row) {
      const lines = linesOf(value ?? options.nullText)
      isTall ||= lines.length > 1
      for (const line of lines) if (line.width > width) width = line.width
    }
  }
  return { width, isTall }
}
