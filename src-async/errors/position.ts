/**
 * Finds the place of an error in a text. The server counts characters (code points) from 1, and JavaScript strings
 * count UTF-16 units; only this file converts one into the other. It knows nothing of errors. Source of truth:
 * PostgreSQL manual, "Error and Notice Message Fields", field P.
 */

/** A place in a text: line and column from 1, the column in characters; offsets in UTF-16 units. */
export interface TextPlace {
  readonly line: number
  readonly column: number
  readonly lineStart: number
  readonly offset: number
}

/** The most characters of a line that are shown; `...` stands for the rest. */
const SHOWN_CHARACTERS = 60
const SHOWN_BEFORE = 40

/**
 * @param position 1-based, in code points
 * @returns null when the text has no such position. One past the end is a valid position: the server names it when a
 *   statement ends too early.
 */
export function locate(text: string, position: number): TextPlace | null {
  if (!Number.isSafeInteger(position) || position < 1) return null
  let offset = 0
  let line = 1
  let lineStart = 0
  let column = 1
  for (let at = 1; at < position; at++) {
    const point = text.codePointAt(offset)
    if (point === undefined) return null
    offset += point > 0xffff ? 2 : 1
    column++
    if (point === 0x0a || (point === 0x0d && text.charCodeAt(offset) !== 0x0a)) {
      line++
      lineStart = offset
      column = 1
    }
  }
  return { line, column, lineStart, offset }
}

/** The two lines psql shows under an error: the line of the text, and a caret under the place. */
export function showPlace(text: string, position: number): string {
  const place = locate(text, position)
  if (place === null) return ''
  // A line may be as long as the whole statement, so only the text near the place is split into characters. The reach
  // is twice the shown length, because a surrogate pair takes two units.
  const reach = 2 * SHOWN_CHARACTERS
  const ahead = charactersOf(text.slice(Math.max(place.lineStart, place.offset - reach), place.offset))
  const behind = charactersOf(/^[^\r\n]*/.exec(text.slice(place.offset, place.offset + reach))?.[0] ?? '')
  const shownBefore = ahead.slice(-Math.max(SHOWN_BEFORE, SHOWN_CHARACTERS - behind.length))
  const shownAfter = behind.slice(0, SHOWN_CHARACTERS - shownBefore.length)
  const prefix = `LINE ${place.line}: ${shownBefore.length < place.column - 1 ? '...' : ''}`
  const suffix = shownAfter.length < behind.length ? '...' : ''
  const caretColumn = displayWidth(prefix) + displayWidth(shownBefore.join(''))
  return `${prefix}${shownBefore.join('')}${shownAfter.join('')}${suffix}\n${' '.repeat(caretColumn)}^`
}

/** The characters of a piece of a line. Each tab becomes a space, so that the caret stands under the right column. */
function charactersOf(piece: string): string[] {
  return [...piece].map((character) => (character === '\t' ? ' ' : character))
}

/** Columns of a terminal: wide East Asian characters and most emoji take two, combining marks none. */
function displayWidth(text: string): number {
  let width = 0
  for (const character of text) {
    if (/^\p{Mark}$/u.test(character)) continue
    width += isWide(character.codePointAt(0) ?? 0) ? 2 : 1
  }
  return width
}

function isWide(point: number): boolean {
  return (
    (point >= 0x1100 && point <= 0x115f) ||
    (point >= 0x2e80 && point <= 0xa4cf) ||
    (point >= 0xac00 && point <= 0xd7a3) ||
    (point >= 0xf900 && point <= 0xfaff) ||
    (point >= 0xfe30 && point <= 0xfe6f) ||
    (point >= 0xff00 && point <= 0xff60) ||
    (point >= 0xffe0 && point <= 0xffe6) ||
    (point >= 0x1f300 && point <= 0x1faff) ||
    (point >= 0x20000 && point <= 0x3fffd)
  )
}
