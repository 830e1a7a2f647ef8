/** Splits the text of a type at its brackets and separators. */

/** A type without parentheses around it, and without an operator in front of it. */
export function unwrapped(type: string): string {
  const text = type.trim().replace(/^[&|]\s*/, '')
  return text.startsWith('(') && endOf(text, 0) === text.length - 1 ? unwrapped(text.slice(1, -1)) : text
}

/** White space becomes single spaces. */
export function squeezed(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim()
}

/** Where the bracket that opens at `start` is closed. */
export function endOf(text: string, start: number): number {
  let depth = 0
  for (let at = start; at < text.length; at++) {
    const letter = text[at] as string
    if ('([{<'.includes(letter)) depth += 1
    else if (')]}'.includes(letter) || (letter === '>' && text[at - 1] !== '=')) depth -= 1
    if (depth === 0) return at
  }
  return text.length
}

/** The parts of a text between separators outside of brackets; none of an empty one. */
export function splitAt(text: string, separator: string): string[] {
  const parts: string[] = []
  let from = 0
  for (let at = 0; at < text.length; at++) {
    const letter = text[at] as string
    if ('([{<'.includes(letter)) at = endOf(text, at)
    else if (letter === separator) {
      parts.push(text.slice(from, at))
      from = at + 1
    }
  }
  parts.push(text.slice(from))
  return parts.filter((part) => part.trim() !== '')
}

/** Where a text first stands outside of brackets; -1 if it does not. */
export function topLevel(text: string, wanted: string): number {
  for (let at = 0; at < text.length; at++) {
    if (text.startsWith(wanted, at)) return at
    if ('([{<'.includes(text[at] as string)) at = endOf(text, at)
  }
  return -1
}
