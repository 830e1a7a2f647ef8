/** One result of a statement in the blocking API: its columns, and its rows as bytes until they are fetched. */
import { InternalError } from '../src-async/errors/tree.ts'
import { type ScriptResult, type ScriptSink, countOf } from '../src-async/flows/query.ts'
import { text as plainText } from '../src-async/values/codecs/text.ts'
import { RowBuffer } from '../src-async/values/row-buffer.ts'
import { RowDecoder, type RowReader } from '../src-async/values/row-decoder.ts'
import type { CodecRegistry } from '../src-async/values/registry.ts'
import { type RowShapeOptions, shapeFor } from '../src-async/values/row-shapes.ts'
import { textRowReader } from '../src-async/values/text-rows.ts'
import type { Statement } from '../src-async/values/statement.ts'
import type { Column as WireColumn, ResultSink } from '../src-async/wire/row-sink.ts'

export interface Result extends ScriptResult {
  /** Gives the decoder for row options; null when the statement returns no rows. */
  readonly decoderFor: DecoderFor | null
}

export type DecoderFor = (options: RowShapeOptions) => RowReader

/** The command tag of the last statement of a text; `''` for a text without a statement. */
export function lastTagOf({ results }: ScriptSink): string {
  return results.at(-1)?.tag ?? ''
}

/** The results of a text with values as text. */
export function textResults({ results }: ScriptSink): Result[] {
  return results.map((each) => ({ ...each, decoderFor: each.columns && plainDecoder(each.columns) }))
}

/** The results of a text. The registry must know the types of all columns. */
export function typedResults({ results }: ScriptSink, registry: CodecRegistry): Result[] {
  return results.map((each) => ({ ...each, decoderFor: each.columns && textDecoder(each.columns, registry) }))
}

/** Collects the rows of a batch, one result for each element. */
export class ElementResults implements ResultSink {
  readonly results: Result[] = []
  #statement: Statement | null = null
  #rows = new RowBuffer()

  /** The error that made a result drop rows; null when none did. */
  failure: unknown = null

  /** Receives the rows of this statement from now on. */
  of(statement: Statement): this {
    this.#statement = statement
    return this
  }

  take(bytes: Uint8Array, start: number, end: number): void {
    this.#rows.take(bytes, start, end)
  }

  complete(_columns: readonly WireColumn[] | null, tag: string): void {
    const rows = this.#rows
    this.failure ??= rows.failure
    this.#rows = new RowBuffer()
    const statement = this.#statement
    this.results.push({ columns: statement?.columns ?? null, rows, decoderFor: decoderOf(statement), tag })
  }
}

/** Returns the decoder for a statement's rows; null when the statement returns no rows. */
export function decoderOf(statement: Statement | null): DecoderFor | null {
  if (statement === null || statement.columns === null) return null
  return (options) => {
    const decoder = statement.decoderFor(options)
    if (decoder === null) throw new InternalError('bug: a statement with columns and no decoder')
    return decoder
  }
}

function textDecoder(columns: readonly WireColumn[], registry: CodecRegistry): DecoderFor {
  return remembered((options) => textRowReader(columns, registry, options))
}

function plainDecoder(columns: readonly WireColumn[]): DecoderFor {
  const codecs = columns.map(() => plainText)
  return remembered(() => new RowDecoder(columns, codecs, shapeFor(columns, { rowFactory: 'array' })).asText())
}

/** Keeps the last decoder, because rows of one result are nearly always fetched with the same options. */
function remembered(make: DecoderFor): DecoderFor {
  let last: { readonly options: RowShapeOptions; readonly decoder: RowReader } | null = null
  return (options) => {
    if (last?.options !== options) last = { options, decoder: make(options) }
    return last.decoder
  }
}

/** How many rows a command tag says were returned or affected; -1 for a command that counts nothing. */
export function rowCountOf(tag: string): number {
  return countOf(tag) ?? -1
}
