/** psql's expanded format: a record below the other, each value on a line of its own beside its column's name. */
import { rulesOf } from './format-aligned.ts'
import { type Line, linesOf } from './display-width.ts'
import { type PrintOptions, type Table, type Write, footersOf, rowsToShow, shownRows } from './table.ts'

export function writeExpanded(table: Table, options: PrintOptions, write: Write): void {
  if (!options.tuplesOnly && table.title !== undefined) write(`${table.title}\n`)
  // A record of no columns is told by the count of rows alone.
  if (table.rowCount === 0 || table.columns.length === 0) {
    for (const footer of footersOf(table, options)) write(`${footer}\n`)
    write('\n')
    return
  }
  const { vertical, goesOn } = rulesOf(options)
  const names = table.columns.map(({ name }) => linesOf(name))
  const nameWidth = widest(names)
  const isNameTall = names.some((lines) => lines.length > 1)
  const valueWidth = Math.max(widestValue(table, options), leastWidth(table, options, isNameTall) - nameWidth)
  let record = 0
  for (const row of rowsToShow(table, options)) {
    record += 1
    if (!options.tuplesOnly) write(head(record, nameWidth, valueWidth, options))
    else if (record > 1 || options.border === 2) write(head(0, nameWidth, valueWidth, options))
    for (let index = 0; index < row.length; index++) {
      const name = names[index]!
      const value = linesOf(row[index] ?? options.nullText)
      const height = Math.max(name.length, value.length)
      for (let at = 0; at < height; at++) {
        const nameGoesOn = name[at + 1] !== undefined
        const valueGoesOn = value[at + 1] !== undefined
        let text = options.border === 2 ? `${vertical} ` : ''
        text += padded(name[at], nameWidth)
        if (nameGoesOn) text += goesOn
        else if (options.border !== 0 || isNameTall) text += ' '
        if (options.border !== 0) text += `${vertical} `
        else text += ' '
        const isPadded = options.border === 2 || valueGoesOn
        text += isPadded ? padded(value[at], valueWidth) : (value[at]?.text ?? '')
        if (valueGoesOn) text += goesOn
        else if (options.border === 2) text += ' '
        if (options.border === 2) text += vertical
        write(`${text}\n`)
      }
    }
  }
  if (options.border === 2) write(rule(nameWidth, valueWidth, options, 'bottom'))
  if (!options.tuplesOnly) for (const footer of expandedFooters(table, options)) write(`${footer}\n`)
  write('\n')
}

/** The count of rows is said only when rows are left out: the records are numbered. */
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
  // What the label covers is not ruled: each part of the line is left out as long as the label reaches over it.
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

/** The names and the values, and the mark after a line that goes on, are together wide enough for the number of a record. */
function leastWidth(table: Table, options: PrintOptions, isNameTall: boolean): number {
  if (options.tuplesOnly) return 0
  const last = shownRows(table, options)
  if (options.border === 0) return `* Record ${last}`.length - (isNameTall ? '+ +' : ' +').length
  if (options.border === 1) return `-[ RECORD ${last} ]`.length - ' | +'.length
  return `+-[ RECORD ${last} ]-+`.length - '|  |  |'.length
}

function widest(cells: readonly (readonly Line[])[]): number {
  return cells.reduce((most, lines) => lines.reduce((wide, { width }) => Math.max(wide, width), most), 0)
}

function widestValue(table: Table, options: PrintOptions): number {
  let most = 0
  for (const row of rowsToShow(table, options)) {
    for (const value of row) {
      for (const { width } of linesOf(value ?? options.nullText)) if (width > most) most = width
    }
  }
  return most
}
