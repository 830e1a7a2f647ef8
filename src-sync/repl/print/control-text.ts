/**
 * Text from the server on its way to a terminal. Names, values, notices and errors may hold control characters, which would
 * move the cursor, change its title or answer for the user: they are written out, as psql writes them out in tables.
 */
import type { Cell, Table } from './table.ts'

/** All but tab and line feed, which lay out what several lines say. DEL and the C1 set steer terminals too. */
// oxlint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

/** @returns the text with its control characters as `\x1B` and `\u009B`. */
export function withoutControls(text: string): string {
  return text.replace(CONTROLS, (character) => {
    const point = character.codePointAt(0)!
    const digits = point.toString(16).toUpperCase()
    return point < 0x80 ? `\\x${digits.padStart(2, '0')}` : `\\u${digits.padStart(4, '0')}`
  })
}

/** A table whose every text is safe to print; for formats that do not write control characters out themselves. */
export function tableWithoutControls(table: Table): Table {
  const shown = (cell: Cell): Cell => (cell === null ? null : withoutControls(cell))
  const { title, columns, rows, footers } = table
  return {
    ...table,
    ...(title === undefined ? {} : { title: withoutControls(title) }),
    ...(footers === undefined ? {} : { footers: footers.map(withoutControls) }),
    columns: columns.map((column) => ({ ...column, name: withoutControls(column.name) })),
    rows: {
      *[Symbol.iterator]() {
        for (const row of rows) yield row.map(shown)
      },
    },
  }
}

/** JSON writes out what is below a blank by itself; the rest is written out as JSON has it, so that it means the same. */
export function jsonWithoutControls(text: string): string {
  return text.replace(/[\u007f-\u009f]/g, (character) => `\\u00${character.codePointAt(0)!.toString(16)}`)
}
