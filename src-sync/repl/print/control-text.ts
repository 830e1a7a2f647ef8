/**
 * Escapes control characters in text from the server before it is printed on a terminal. In names, values, notices and errors
 * they could move the cursor, change the window's title or type answers for the user. psql escapes them in tables.
 */
import type { Cell, Table } from './table.ts'

/** All control characters except tab and line feed, which lay out text. DEL and the C1 set control terminals too. */
// oxlint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

/** @returns the text with its control characters written as `\x1B` and `\u009B`. */
export function withoutControls(text: string): string {
  return text.replace(CONTROLS, (character) => {
    const point = character.codePointAt(0)!
    const digits = point.toString(16).toUpperCase()
    return point < 0x80 ? `\\x${digits.padStart(2, '0')}` : `\\u${digits.padStart(4, '0')}`
  })
}

/** A copy of a table with all texts escaped; for formats that do not escape control characters themselves. */
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

/** Escapes the remaining control characters in JSON. JSON itself escapes those below the blank. */
export function jsonWithoutControls(text: string): string {
  return text.replace(/[\u007f-\u009f]/g, (character) => `\\u00${character.codePointAt(0)!.toString(16)}`)
}
