/**
 * Splits the bytes of a COPY in text format into rows. Each row is a line with tabs between fields, `\N` for NULL and
 * backslash escapes. Each line is converted to a DataRow message for the text decoder. Source of truth: PostgreSQL
 * manual, COPY, "Text Format".
 */
import { ProtocolError } from '../src-async/errors/tree.ts'
import type { Row } from '../src-async/values/record.ts'
import type { RowReader } from '../src-async/values/row-decoder.ts'

const NEWLINE = 0x0a
const DATA_ROW = 0x44
/** The bytes of the message's type, its length and its field count. */
const HEAD_BYTES = 7
const NAMED: Readonly<{ [letter: string]: string }> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }
const ESCAPE = /\\(?:x([\da-f]{1,2})|([0-7]{1,3})|([^]))/gi

export class LineCutter {
  readonly #decoder: RowReader
  readonly #isWithoutColumns: boolean
  #rest: Buffer = Buffer.alloc(0)

  constructor(decoder: RowReader, columnCount: number) {
    this.#decoder = decoder
    this.#isWithoutColumns = columnCount === 0
  }

  /** The complete rows in the data so far. */
  rows(chunk: Buffer): Row[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const rows: Row[] = []
    let start = 0
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      this.#decode(bytes.toString('utf8', start, end), rows)
      start = end + 1
    }
    this.#rest = bytes.subarray(start)
    return rows
  }

  /** @throws ProtocolError when the data ended within a row. */
  end(): void {
    if (this.#rest.length > 0) throw new ProtocolError('COPY: the data ended within a line')
  }

  #decode(line: string, into: Row[]): void {
    // The lines of a table without columns are empty.
    const fields = line === '' && this.#isWithoutColumns ? [] : line.split('\t')
    const values = fields.map((field) => (field === '\\N' ? null : Buffer.from(unescaped(field))))
    const size = values.reduce((sum, value) => sum + 4 + (value?.length ?? 0), HEAD_BYTES)
    const message = Buffer.allocUnsafe(size)
    message[0] = DATA_ROW
    // The length of a message includes its own four bytes.
    message.writeInt32BE(size - 1, 1)
    message.writeInt16BE(fields.length, 5)
    let at = HEAD_BYTES
    for (const value of values) {
      message.writeInt32BE(value?.length ?? -1, at)
      at += 4 + (value?.copy(message, at + 4) ?? 0)
    }
    this.#decoder.decodeRun(message, 0, size, into)
  }
}

function unescaped(field: string): string {
  if (!field.includes('\\')) return field
  return field.replace(ESCAPE, (_, hex?: string, octal?: string, letter?: string) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16))
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff)
    return NAMED[letter ?? ''] ?? letter ?? ''
  })
}
