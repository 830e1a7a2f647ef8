/** Measures the width of a table, and narrows its columns for the wrapped format. */
import { type Line, linesOf } from './display-width.ts'
import { type PrintOptions, type Table, rowsToShow } from './table.ts'

/** psql's constant: wide columns are narrowed a little earlier than the ratio of width to average width alone would say. */
const WIDE_PENALTY = 0.01

/** The width of each column of a table. */
export function measure(table: Table, options: PrintOptions): number[] {
  // Headers count even when they are not printed, as in psql.
  const widths = table.columns.map(({ name }) => widest(linesOf(name)))
  const nullWidth = widest(linesOf(options.nullText))
  for (const row of rowsToShow(table, options)) {
    for (let index = 0; index < row.length; index++) {
      const value = row[index]!
      const width = value === null ? nullWidth : widest(linesOf(value))
      if (width > widths[index]!) widths[index] = width
    }
  }
  return widths
}

/** The width of the lines of a table with these columns. */
export function lineWidth(widths: readonly number[], border: number): number {
  const inner = widths.reduce((sum, width) => sum + width, 0)
  const gaps = Math.max(0, widths.length - 1)
  if (border === 0) return inner + gaps
  if (border === 1) return inner + 3 * gaps + 2
  return inner + 3 * gaps + 4
}

/**
 * The widths for psql's wrapped format. The columns of a table that is too wide are narrowed one character at a time, first
 * those where few values are as wide as the widest, but never below the width of their headers.
 * @returns the widths to wrap to; the given widths when wrapping is not possible.
 */
export function narrowed(table: Table, options: PrintOptions, widths: readonly number[]): readonly number[] {
  const { border, columns } = options
  const headers = table.columns.map(({ name }) => widest(linesOf(name)))
  // Even without lines between columns, there is a mark after the last column.
  const mark = border === 0 ? 1 : 0
  let total = lineWidth(widths, border) + mark
  if (columns === 0 || total <= columns || lineWidth(headers, border) + mark > columns) return widths
  const averages = averageWidths(table, options)
  const narrow = [...widths]
  while (total > columns) {
    let worst = -1
    let most = 0
    for (const [index, width] of narrow.entries()) {
      const average = averages[index]!
      if (average === 0 || width <= headers[index]!) continue
      const ratio = width / average + widths[index]! * WIDE_PENALTY
      if (ratio > most) {
        most = ratio
        worst = index
      }
    }
    if (worst < 0) break
    narrow[worst]! -= 1
    total -= 1
  }
  return narrow
}

function averageWidths(table: Table, options: PrintOptions): number[] {
  const sums = table.columns.map(() => 0)
  let rowCount = 0
  for (const row of rowsToShow(table, options)) {
    rowCount += 1
    row.forEach((value, index) => {
      sums[index]! += widest(linesOf(value ?? options.nullText))
    })
  }
  return sums.map((sum) => (rowCount === 0 ? 0 : Math.trunc(sum / rowCount)))
}

function widest(lines: readonly Line[]): number {
  return lines.length === 1 ? lines[0]!.width : lines.reduce((most, { width }) => Math.max(most, width), 0)
}
