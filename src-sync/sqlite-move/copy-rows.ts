/** Writes SQLite's rows in COPY's text format and counts them. Format: PostgreSQL manual, COPY, "Text Format". */
import type { SqliteCell } from './open-sqlite.ts'

const CHUNK_CHARACTERS = 128 * 1024
const SPECIAL = /[\\\n\r\t]/g
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

export interface CopyOptions {
  /** PostgreSQL's types, in the order of the columns. */
  readonly types: readonly string[]
  /** Removes the characters U+0000 from texts. */
  readonly stripsZeros: boolean
  readonly onRows: (count: number) => void
}

/** Counts of what was read, for the report and to compare with the server's count. */
export interface CopyTally {
  rows: number
  /**
   * For each column, how many texts contain U+FFFD. The reader of SQLite's files puts this character in the place of
   * bytes that are not UTF-8, but a text may also contain it.
   */
  readonly replaced: number[]
}

/** Yields COPY's text in chunks, and updates `tally` as it goes. */
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
  // String(-0) is '0', which would lose the sign.
  return Object.is(cell, -0) ? '-0' : String(cell)
}
