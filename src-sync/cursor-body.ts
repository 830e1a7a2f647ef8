/**
 * What a cursor does behind its public face. There are two: the ordinary one keeps the whole result on this side, the
 * named one leaves it on the server and fetches pieces.
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

/** What every request brings along beside its statement. */
export interface RequestOptions {
  readonly style: ParamStyle
  /** What `setinputsizes` was told, for this request only. */
  readonly sizes: InputSizes | null
  readonly timeoutMs: number | undefined
  /** How its rows are made. */
  readonly rows: RowShapeOptions
  readonly messages: ServerMessage[]
}

export interface ExecuteRequest extends RequestOptions {
  readonly statement: StatementText
  readonly parameters: Parameters | null | undefined
  readonly isOneOff: boolean
  /** What the call says its values mean. */
  readonly meaning: ValueMeaning | undefined
  /** Values as the server prints them. */
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
  /** Of the current result; null when it has none. */
  readonly columns: readonly WireColumn[] | null
  readonly tag: string | null
  readonly rowcount: number
  /** Whether what it holds of its results is a few kilobytes at most. */
  readonly isSmall: boolean
  /** Number of the row the next fetch gives, null without rows. */
  readonly position: number | null
  /** Forgets the result before something new is run. */
  reset(): void
  execute(request: ExecuteRequest): void
  executemany(request: BatchRequest): void
  /** Shows how something ended that ran beside the body: a COPY. */
  complete(tag: string): void
  /** @throws ProgrammingError when the current result has no rows. */
  requireRows(): void
  /** @param kind Records whatever the request asked for, of the same values. */
  next(kind?: 'record'): Row | null
  nextMany(count: number): Row[]
  rest(kind?: 'record'): Row[]
  /** @throws RangeError when the target is outside; the position is unchanged then. */
  scroll(value: number, mode: ScrollMode): void
  nextset(): true | null
  /** A body that shows the current result and no other; null where the last call gave none. */
  shown(): CursorBody | null
  close(): void
}
