/** Splits the lines of a value that are wider than their column. */
import { type Line, characterWidth } from './display-width.ts'

/** The lines of a value, split where they are wider than the column. */
export function wrapped(lines: readonly Line[], width: number): readonly Line[] {
  if (lines.every((line) => line.width <= width)) return lines
  return lines.flatMap((line) => (line.width <= width ? [line] : pieces(line, width)))
}

function pieces(line: Line, width: number): Line[] {
  const found: Line[] = []
  let text = ''
  let used = 0
  for (const character of line.text) {
    const wide = characterWidth(character.codePointAt(0)!)
    if (used + wide > width && text !== '') {
      found.push({ text, width: used, wraps: true, isContinued: found.length > 0 })
      text = ''
      used = 0
    }
    text += character
    used += wide
  }
  found.push({ text, width: used, isContinued: found.length > 0 })
  return found
}
