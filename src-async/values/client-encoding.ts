/**
 * `client_encoding`, when SQL sets it. Text travels as UTF-8 here, and the connection sets the encoding back at once; what
 * the same text gives after it has set another encoding comes in that one, and is refused. Only scripts and `set_config`
 * can do that.
 */
import { NotSupportedError } from '../errors/tree.ts'
import type { Column, ResultSink, RowSink } from '../wire/row-sink.ts'

/** The ways of SQL to set it, with what is set where that can be seen. */
const SETTING =
  /\bset\s+(?:session\s+|local\s+)?(?:client_encoding\s*(?:=|\bto\b)|names)\s*e?['"]?([\w-]+)|\bset_config\s*\(\s*e?'client_encoding'\s*,\s*(?:e?'([\w-]+)')?|\bupdate\s+(?:pg_catalog\s*\.\s*)?pg_settings\b/gi
const UTF8: ReadonlySet<string> = new Set(['utf8', 'utf-8', 'unicode', 'default'])

/** Whether the server's name of an encoding means UTF-8. */
export function isUtf8(encoding: string): boolean {
  return UTF8.has(encoding.toLowerCase())
}

/** Whether a text may leave the session, for a while, with an encoding other than UTF-8. */
export function setsOtherEncoding(sql: string): boolean {
  for (const [, value, configured] of sql.matchAll(SETTING)) {
    const encoding = value ?? configured
    if (encoding === undefined || !isUtf8(encoding)) return true
  }
  return false
}

/** Passes rows on, and looks for text that another encoding would have made of something else. */
export class EncodingGuard implements ResultSink {
  readonly #sink: RowSink | ResultSink
  readonly #isText: (column: number) => boolean
  #hasOther = false

  /** @param isText whether a column is text as far as its bytes are concerned */
  constructor(sink: RowSink | ResultSink, isText: (column: number) => boolean = () => true) {
    this.#sink = sink
    this.#isText = isText
  }

  take(bytes: Uint8Array, start: number, end: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let at = start; at < end && !this.#hasOther; at += 1 + view.getInt32(at + 1)) this.#look(bytes, view, at + 5)
    this.#sink.take(bytes, start, end)
  }

  complete(columns: readonly Column[] | null, tag: string): void {
    if ('complete' in this.#sink) this.#sink.complete(columns, tag)
  }

  /** @throws NotSupportedError when a result has text beyond ASCII: nobody can tell what it was. */
  end(): void {
    if (!this.#hasOther) return
    throw new NotSupportedError('the text sets client_encoding, and a result that follows in it is not ASCII', {
      hint: 'set client_encoding in a call of its own, or not at all: text is UTF-8 here, and the encoding is set back',
    })
  }

  #look(bytes: Uint8Array, view: DataView, start: number): void {
    const count = view.getInt16(start)
    let at = start + 2
    for (let column = 0; column < count; column += 1) {
      const length = view.getInt32(at)
      at += 4
      if (length <= 0) continue
      if (this.#isText(column) && bytes.subarray(at, at + length).some((byte) => byte > 127)) this.#hasOther = true
      at += length
    }
  }
}
