/**
 * Maps a position in the rewritten text to one in the user's text. The server counts characters (code points) from 1, and
 * so does the result. The error makes line and column from it.
 */
import type { RewrittenStatement } from './rewrite.ts'

/**
 * @param position of the server's error, in `rewritten.text`
 * @returns the position in `rewritten.source`. For a parameter it is that of the marker's first character.
 */
export function mapPosition(
  rewritten: Pick<RewrittenStatement, 'source' | 'text' | 'edits'>,
  position: number,
): number {
  const { source, text, edits } = rewritten
  if (edits.length === 0) return position
  const offset = offsetOfPosition(text, position)
  let shift = 0
  for (const edit of edits) {
    const start = edit.start + shift
    if (offset < start) break
    if (offset < start + edit.text.length) return positionOfOffset(source, edit.start)
    shift += edit.text.length - (edit.end - edit.start)
  }
  return positionOfOffset(source, offset - shift)
}

/** A position one past the end stays there: the server reports a statement that ends too early at that place. */
function offsetOfPosition(text: string, position: number): number {
  let offset = 0
  for (let at = 1; at < position && offset < text.length; at++) offset += isPairAt(text, offset) ? 2 : 1
  return offset
}

function positionOfOffset(text: string, end: number): number {
  let position = 1
  for (let offset = 0; offset < end; position++) offset += isPairAt(text, offset) ? 2 : 1
  return position
}

function isPairAt(text: string, offset: number): boolean {
  return (text.codePointAt(offset) ?? 0) > 0xffff
}
