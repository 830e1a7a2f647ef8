/**
 * Where in the user's text a place in the rewritten text is. The server counts characters (code points) from 1, and so
 * does what comes out; lines and columns are made from it by the error itself.
 */
import type { RewrittenStatement } from './rewrite.ts'

/**
 * @param position of the server's error, in `rewritten.text`
 * @returns the position in `rewritten.source`: of the marker's first character where the server means the parameter.
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

/** One past the end stays one past the end: a statement that ends too early is reported there. */
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
