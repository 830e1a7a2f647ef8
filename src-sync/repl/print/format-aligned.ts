/** psql's aligned format: columns as wide as their widest value, numbers to the right, values may have several lines. */
import { type Line, linesOf } from './display-width.ts'
import { type PrintOptions, type Table, type Write, footersOf, isRightAligned, rowsToShow } from './table.ts'
import { lineWidth } from './table-width.ts'
import { wrapped } from './wrapping.ts'

interface Rules {
  readonly horizontal: string
  readonly vertical: string
  readonly top: readonly [string, string, string]
  readonly middle: readonly [string, string, string]
  readonly bottom: readonly [string, string, string]
  /** The mark after a line of a value when another line follows. */
  readonly goesOn: string
  /** The mark around the parts of a line that was too long. */
  readonly wraps: string
}

const ASCII: Rules = {
  horizontal: '-',
  vertical: '|',
  top: ['+', '+', '+'],
  middle: ['+', '+', '+'],
  bottom: ['+', '+', '+'],
  goesOn: '+',
  wraps: '.',
}

const UNICODE: Rules = {
  horizontal: '─',
  vertical: '│',
  top: ['┌', '┬', '┐'],
  middle: ['├', '┼', '┤'],
  bottom: ['└', '┴', '┘'],
  goesOn: '↵',
  wraps: '…',
}

export function rulesOf({ linestyle }: PrintOptions): Rules {
  return linestyle === 'unicode' ? UNICODE : ASCII
}

export function writeAligned(table: Table, options: PrintOptions, widths: readonly number[], write: Write): void {
  const { columns } = table
  const rules = rulesOf(options)
  const isRight = columns.map(isRightAligned)
  if (!options.tuplesOnly) {
    if (table.title !== undefined) write(centred(table.title, lineWidth(widths, options.border)))
    if (options.border === 2) write(rule(widths, options, 'top'))
    writeHeader(table, options, widths, write)
    write(rule(widths, options, 'middle'))
  }
  const nullLines = linesOf(options.nullText)
  for (const row of columns.length === 0 ? [] : rowsToShow(table, options)) {
    const isWrapped = options.format === 'wrapped'
    const cells = row.map((value, index) => {
      const lines = value === null ? nullLines : linesOf(value)
      return isWrapped ? wrapped(lines, widths[index]!) : lines
    })
    const height = cells.reduce((most, lines) => Math.max(most, lines.length), 1)
    for (let at = 0; at < height; at++) {
      let text = options.border === 2 ? rules.vertical : ''
      for (let index = 0; index < cells.length; index++) {
        const isLast = index === cells.length - 1
        const line = cells[index]![at]
        const goesOn = cells[index]![at + 1] !== undefined
        const isPadded = !isLast || options.border === 2 || goesOn
        if (options.border !== 0) text += line?.isContinued === true ? rules.wraps : ' '
        text += padded(
          line,
          widths[index]!,
          isPadded ? (isRight[index]! ? 'right' : 'left') : isRight[index]! && line !== undefined ? 'right' : 'none',
        )
        if (goesOn) text += line?.wraps === true ? rules.wraps : rules.goesOn
        else if (!isLast || options.border === 2) text += ' '
        if (options.border === 2 || (options.border === 1 && !isLast)) text += rules.vertical
      }
      write(`${text}\n`)
    }
  }
  if (options.border === 2) write(rule(widths, options, 'bottom'))
  for (const footer of footersOf(table, options)) write(`${footer}\n`)
  write('\n')
}

function writeHeader({ columns }: Table, options: PrintOptions, widths: readonly number[], write: Write): void {
  const rules = rulesOf(options)
  const cells = columns.map(({ name }) => linesOf(name))
  const height = cells.reduce((most, lines) => Math.max(most, lines.length), 0)
  for (let at = 0; at < height; at++) {
    let text = options.border === 2 ? rules.vertical : ''
    for (let index = 0; index < cells.length; index++) {
      const isLast = index === cells.length - 1
      const line = cells[index]![at]
      const goesOn = cells[index]![at + 1] !== undefined
      const spare = widths[index]! - (line?.width ?? 0)
      if (options.border !== 0) text += ' '
      text += ' '.repeat(spare >> 1) + (line?.text ?? '') + ' '.repeat((spare + 1) >> 1)
      if (goesOn) text += rules.goesOn
      else text += ' '
      if (options.border === 2 || (options.border === 1 && !isLast)) text += rules.vertical
    }
    write(`${text}\n`)
  }
  if (height === 0) write(options.border === 2 ? `${rules.vertical}${rules.vertical}\n` : '')
}

function rule(widths: readonly number[], options: PrintOptions, where: 'top' | 'middle' | 'bottom'): string {
  const rules = rulesOf(options)
  const { horizontal } = rules
  const [left, middle, right] = rules[where]
  if (options.border === 0) return `${widths.map((width) => horizontal.repeat(width)).join(' ')}\n`
  const cells = widths.map((width) => horizontal.repeat(width + 2))
  if (cells.length === 0) cells.push(horizontal.repeat(2))
  return options.border === 1 ? `${cells.join(middle)}\n` : `${left}${cells.join(middle)}${right}\n`
}

function padded(line: Line | undefined, width: number, where: 'left' | 'right' | 'none'): string {
  if (line === undefined) return where === 'none' ? '' : ' '.repeat(width)
  // A wide character may be wider than the column that it is wrapped to.
  const space = where === 'none' ? '' : ' '.repeat(Math.max(0, width - line.width))
  return where === 'right' ? space + line.text : line.text + space
}

function centred(title: string, width: number): string {
  // Like psql, this indents the title as a whole by the space beside its widest line; only the first line moves.
  const widest = Math.max(...linesOf(title).map((line) => line.width))
  return `${' '.repeat(Math.max(0, Math.floor((width - widest) / 2)))}${title}\n`
}
