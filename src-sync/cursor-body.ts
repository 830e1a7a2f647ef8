/**
 * The inner part of a cursor, which runs statements and holds rows. There are two kinds: the body of an ordinary cursor
 * keeps the whole result in this process, the body of a named cursor leaves it on the server and fetches pieces.
 */
import type { ProgressReporter } from '../src-async/flows/progress.ts'
import type { Row } from '../src-async/values/record.ts'
import type { RowShapeOptions } from '../src-async/values/row-shapes.ts'
import type { ValueMeaning } from '../src-async/values/text-values.ts'
import type { Column as WireColumn } from '../src-async/wire/row-sink.ts'
import type { ServerMessage } from './engine.ts'
import type { InputSizes } from './input-sizes.ts'
import type { Parameters } from './paramstyle/bind-parameters.ts'
import type { ParamStyle } from './paramstyle/rewrite.ts'
import type { StatementText } from './statement.ts'

/** What every request has besides its statement. */
export interface RequestOptions {
  readonly style: ParamStyle
  /** The types of `setinputsizes`, which apply to this request only. */
  readonly sizes: InputSizes | null
  readonly timeoutMs: number | undefined
  /** The options for its rows. */
  readonly rows: RowShapeOptions
  readonly messages: ServerMessage[]
}

export interface ExecuteRequest extends RequestOptions {
  readonly statement: StatementText
  readonly parameters: Parameters | null | undefined
  readonly isOneOff: boolean
  /** What the values mean, if the call says so. */
  readonly meaning: ValueMeaning | undefined
  /** Whether values stay as the server prints them. */
  readonly isText?: boolean
}

export interface BatchRequest extends RequestOptions {
  readonly statement: StatementText
  readonly elements: Iterable<Parameters>
  readonly meaning: ValueMeaning | undefined
  readonly isReturning: boolean
  readonly progress: ProgressReporter | null
}

/** How `scroll` counts. */
export type ScrollMode = 'relative' | 'absolute'

export interface CursorBody {
  /** Whether anything was executed. */
  readonly hasExecuted: boolean
  /** The columns of the current result; null when it has none. */
  readonly columns: readonly WireColumn[] | null
  readonly tag: string | null
  readonly rowcount: number
  /** Whether its results use a few kilobytes at most. */
  readonly isSmall: boolean
  /** The index of the row that the next fetch returns; null without rows. */
  readonly position: number | null
  /** Drops the result before a new statement runs. */
  reset(): void
  execute(request: ExecuteRequest): void
  executemany(request: BatchRequest): void
  /** Sets the command tag of a COPY, which runs outside the body. */
  complete(tag: string): void
  /** @throws ProgrammingError when the current result has no rows. */
  requireRows(): void
  /** @param kind `'record'` returns Records, whatever row options the request has */
  next(kind?: 'record'): Row | null
  nextMany(count: number): Row[]
  rest(kind?: 'record'): Row[]
  /** @throws RangeError when the target is outside the result. Then the position does not change. */
  scroll(value: number, mode: ScrollMode): void
  nextset(): true | null
  /** A body with the current result only; null when the last call gave no result. */
  shown(): CursorBody | null
  close(): void
}
