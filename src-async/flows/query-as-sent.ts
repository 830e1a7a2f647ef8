/**
 * Sends one statement in one round trip: unnamed, with its arguments as text or bytes and its rows as text. It is never
 * described first and never retried. So in a pipeline no later statement can run before it.
 */
import { DataError } from '../errors/tree.ts'
import { describeValue } from '../errors/describe-value.ts'
import { DecodingSink } from '../values/row-decoder.ts'
import type { RowShapeOptions } from '../values/row-shapes.ts'
import { textRowReader } from '../values/text-rows.ts'
import { TextValues } from '../values/text-values.ts'
import { traitsOf } from '../values/text-traits.ts'
import type { ExecuteRequest } from '../wire/operations.ts'
import type { Column, Description, RowSink } from '../wire/row-sink.ts'
import { ask, type Flow } from './ask.ts'
import { markExecution } from './executions.ts'
import { isOutcomeUnknown, noteFailure } from './failed-transaction.ts'
import { type FlowContext, dueBegin, dueTimeout } from './flow-context.ts'
import { QueryResult } from './query.ts'

const TEXT = 0
const BINARY = 1
const MOST_VALUES = 65_535
const NO_TYPES: readonly number[] = []

/**
 * @param rows with `types`, because all values arrive as text
 * @throws the server's error; DataError for values other than bytes, null, and strings in `TextValues`; the error of a
 *   parser
 */
export function* queryAsSent(
  context: FlowContext,
  sql: string,
  values: readonly unknown[],
  rows: RowShapeOptions,
): Flow<QueryResult> {
  const { out, statements, state } = context
  const isStandard = state.parameters.get('standard_conforming_strings') !== 'off'
  out.clear()
  writeBind(context, values)
  const sink = new DescribedRows(context, rows)
  try {
    const execution: ExecuteRequest = {
      name: '',
      parse: { sql, parameterTypes: NO_TYPES },
      describes: 'portal',
      bind: out.view(),
      rowLimit: 0,
      rows: sink,
      timeoutMs: dueTimeout(context),
      begin: dueBegin(context),
      closing: statements.takeClosing(),
    }
    if (context.isPipelining) markExecution(execution)
    const { tag } = yield* ask('execute', execution)
    statements.noteCommand(tag ?? '', { columns: sink.columns, traits: traitsOf(sql, isStandard) })
    return new QueryResult(sink.release(), sink.columns, tag ?? '')
  } catch (error) {
    if (isOutcomeUnknown(error)) statements.noteUnknownOutcome()
    throw noteFailure(context, error, sql)
  }
}

/** Writes the Bind message without its two names, which the session adds. */
function writeBind({ out }: FlowContext, values: readonly unknown[]): void {
  if (values.length > MOST_VALUES) throw new DataError(`a statement takes ${MOST_VALUES} arguments at most`)
  out.int16(values.length)
  for (const value of values) out.int16(value instanceof Uint8Array ? BINARY : TEXT)
  out.int16(values.length)
  values.forEach((value, index) => {
    if (value === null) return void out.int32(-1)
    if (value instanceof Uint8Array) return void out.int32(value.length).bytes(value)
    if (!(values instanceof TextValues) || typeof value !== 'string') throw notText(index, value)
    const lengthAt = out.reserveInt32()
    out.utf8(value)
    out.patchLength(lengthAt)
  })
  // No format codes for the columns: all of them come as text.
  out.int16(TEXT)
}

function notText(index: number, value: unknown): DataError {
  const found = describeValue(value)
  return new DataError(`query argument $${index + 1}: expected text, bytes or null, got ${found}`, {
    hint: "pass { values: 'text' }: a statement that is sent unchanged takes only values that mean text",
  })
}

/** Decodes rows as they arrive, after the server's description of them. */
class DescribedRows implements RowSink {
  readonly #context: FlowContext
  readonly #options: RowShapeOptions
  #sink: DecodingSink | null = null
  #failure: unknown = null
  columns: readonly Column[] | null = null

  constructor(context: FlowContext, options: RowShapeOptions) {
    this.#context = context
    this.#options = options
  }

  describe({ columns }: Description): void {
    this.columns = columns
    if (columns === null) return
    try {
      this.#sink = new DecodingSink(textRowReader(columns, this.#context.registry, this.#options))
    } catch (error) {
      this.#failure = error
    }
  }

  take(bytes: Uint8Array, start: number, end: number): void {
    this.#sink?.take(bytes, start, end)
  }

  release(): ReturnType<DecodingSink['release']> {
    if (this.#failure !== null) throw this.#failure
    if (this.#sink === null) return []
    if (this.#sink.failure !== null) throw this.#sink.failure
    return this.#sink.release()
  }
}
