/**
 * Shows the place of an error in a statement: the line with a caret below it, shortened to fit the screen. Source of truth:
 * PostgreSQL, src/interfaces/libpq/fe-protocol3.c, reportErrorPosition.
 */
import { characterWidth } from './display-width.ts'

const MOST_COLUMNS = 60
/** The least distance between the caret and the right end of a shortened line, where possible. */
const RIGHT_COLUMNS = 10

/** @param position of a character, from 1. @returns two lines; an empty text for a position outside the statement. */
export function describePlace(statement: string, position: number): string {
  const characters = [...statement]
  const at = position - 1
  if (at < 0 || at > characters.length) return ''
  const before = characters.slice(0, at).join('')
  const lineNumber = before.split(/\r\n|\r|\n/).length
  let start = at
  while (start > 0 && !isLineEnd(characters[start - 1]!)) start -= 1
  let end = at
  while (end < characters.length && !isLineEnd(characters[end]!)) end += 1
  // The column at which each character begins. A character without width still gets one column.
  const columns = [0]
  for (const character of characters.slice(start, end)) {
    columns.push(columns.at(-1)! + Math.max(1, characterWidth(character.codePointAt(0)!)))
  }
  const cut = cutAround(columns, at - start)
  const shown = characters
    .slice(start + cut.first, start + cut.last)
    .join('')
    .replaceAll('\t', ' ')
  const head = `LINE ${lineNumber}: ${cut.first > 0 ? '...' : ''}`
  const caret = ' '.repeat(head.length + columns[at - start]! - columns[cut.first]!)
  return `${head}${shown}${cut.last < columns.length - 1 ? '...' : ''}\n${caret}^`
}

/** The range of characters of a line that is shown. */
function cutAround(columns: readonly number[], at: number): { first: number; last: number } {
  let first = 0
  let last = columns.length - 1
  const isTooLong = (): boolean => columns[last]! - columns[first]! > MOST_COLUMNS
  if (!isTooLong()) return { first, last }
  if (MOST_COLUMNS >= columns[at]! + RIGHT_COLUMNS) {
    while (isTooLong()) last -= 1
    return { first, last }
  }
  while (columns[at]! + RIGHT_COLUMNS < columns[last]!) last -= 1
  while (isTooLong()) first += 1
  return { first, last }
}

function isLineEnd(character: string): boolean {
  return character === '\n' || character === '\r'
}
