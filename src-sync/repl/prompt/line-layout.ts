/**
 * Computes where the characters of a text are on the screen. It splits rows itself instead of letting the terminal wrap them,
 * so that the position of the cursor is known. Handles wide characters, tabs and text of several lines; writes nothing.
 */
import { characterWidth } from '../print/display-width.ts'

export interface Layout {
  readonly rows: readonly { readonly text: string; readonly width: number }[]
  readonly cursorRow: number
  readonly cursorColumn: number
}

const TAB_STOP = 8
const CONTROL_START = '\u0001'
const CONTROL_END = '\u0002'

/**
 * @param prompt may contain control sequences between the characters 1 and 2, which have no width
 * @param cursor an offset in `text`
 */
export function layOut(prompt: string, text: string, cursor: number, columns: number): Layout {
  const rows: { text: string; width: number }[] = []
  let row = ''
  let width = 0
  const endRow = (): void => {
    rows.push({ text: row, width })
    row = ''
    width = 0
  }
  const put = (shown: string, shownWidth: number): void => {
    if (width + shownWidth > columns) endRow()
    row += shown
    width += shownWidth
  }
  let isControl = false
  for (const character of prompt) {
    if (character === CONTROL_START || character === CONTROL_END) isControl = character === CONTROL_START
    else if (isControl) row += character
    else if (character === '\n') endRow()
    else put(character, characterWidth(character.codePointAt(0)!))
  }
  let place: { row: number; column: number } | null = null
  const notePlace = (at: number): void => {
    if (place !== null || at < cursor) return
    // After a full row the cursor is on the next row, where the next character will be.
    if (width >= columns) endRow()
    place = { row: rows.length, column: width }
  }
  let at = 0
  for (const character of text) {
    notePlace(at)
    at += character.length
    if (character === '\n') endRow()
    else put(...shownAt(character, width))
  }
  notePlace(Math.max(at, cursor))
  endRow()
  const found = place ?? { row: rows.length - 1, column: 0 }
  return { rows, cursorRow: found.row, cursorColumn: found.column }
}

/** The text shown for a character at a column, and its width. */
function shownAt(character: string, column: number): [shown: string, width: number] {
  const point = character.codePointAt(0)!
  if (character === '\t') {
    const blanks = TAB_STOP - (column % TAB_STOP)
    return [' '.repeat(blanks), blanks]
  }
  if (point < 0x20) return [`^${String.fromCodePoint(point + 0x40)}`, 2]
  if (point === 0x7f) return ['^?', 2]
  if (point >= 0x80 && point < 0xa0) return ['\ufffd', 1]
  return [character, characterWidth(point)]
}

/** Arranges names in columns, like the candidate lists of shells. */
export function inColumns(names: readonly string[], columns: number): string {
  const widths = names.map((name) => [...name].reduce((sum, each) => sum + characterWidth(each.codePointAt(0)!), 0))
  const cell = Math.max(1, ...widths) + 2
  const perRow = Math.max(1, Math.floor(columns / cell))
  const rowCount = Math.ceil(names.length / perRow)
  let text = ''
  for (let row = 0; row < rowCount; row++) {
    let line = ''
    for (let at = row; at < names.length; at += rowCount) line += names[at]! + ' '.repeat(cell - widths[at]!)
    text += `${line.trimEnd()}\n`
  }
  return text
}
