/** Rows of SQLite as the text of COPY, and how far it has come. Format: PostgreSQL manual, COPY, "Text Format". */
import type { SqliteCell } from './open-sqlite.ts'

const CHUNK_CHARACTERS = 128 * 1024
const SPECIAL = /[\\\n\r\t]/g
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

export interface CopyOptions {
  /** Types by place. */
  readonly types: readonly string[]
  /** Leave characters U+0000 out of texts. */
  readonly stripsZeros: boolean
  readonly onRows: (count: number) => void
}

/** What was read, for the report and to compare with what the server counted. */
export interface CopyTally {
  rows: number
  /** Texts with U+FFFD by place: bytes that were no UTF-8, or the character itself. */
  readonly replaced: number[]
}

/** The text of COPY in chunks. `tally` grows while it is read. */
export function* copyText(
  rows: Iterable<readonly SqliteCell[]>,
  { types, stripsZeros, onRows }: CopyOptions,
  tally: CopyTally,
): Generator<string> {
  let chunk = ''
  for (const row of rows) {
    for (let place = 0; place < row.length; place++) {
      if (place > 0) chunk += '\t'
      const cell = row[place]!
      if (typeof cell === 'string') {
        if (cell.includes('\uFFFD')) tally.replaced[place] = (tally.replaced[place] ?? 0) + 1
        const text = cell.replace(SPECIAL, (unit) => ESCAPES[unit]!)
        chunk += stripsZeros ? text.replaceAll('\0', '') : text
      } else {
        chunk += cellText(cell, types[place]!)
      }
    }
    chunk += '\n'
    tally.rows++
    if (chunk.length < CHUNK_CHARACTERS) continue
    yield chunk
    chunk = ''
    onRows(tally.rows)
  }
  if (chunk !== '') yield chunk
  onRows(tally.rows)
}

function cellText(cell: null | bigint | number | Uint8Array, type: string): string {
  if (cell === null) return '\\N'
  if (typeof cell === 'object')
    return `\\\\x${Buffer.from(cell.buffer, cell.byteOffset, cell.byteLength).toString('hex')}`
  if (type === 'boolean') return cell === 0n ? 'f' : 't'
  // JavaScript writes -0 as 0.
  return Object.is(cell, -0) ? '-0' : String(cell)
}
