/** One statement for many elements: what `executemany` and `fetchmany` share, and the latter, which gives all rows at once. */
import { DbError, ProgrammingError, amend } from '../src-async/errors/tree.ts'
import type { Flow } from '../src-async/flows/ask.ts'
import { executeMany } from '../src-async/flows/execute-many.ts'
import { BatchRows } from '../src-async/flows/fetch-many.ts'
import type { FlowContext } from '../src-async/flows/flow-context.ts'
import { describeValue } from '../src-async/values/describe-value.ts'
import type { Row, Values } from '../src-async/values/record.ts'
import type { RowShapeOptions } from '../src-async/values/row-shapes.ts'
import type { Statement } from '../src-async/values/statement.ts'
import { type Parameters, bindParameters } from './paramstyle/bind-parameters.ts'
import type { RewrittenStatement } from './paramstyle/rewrite.ts'

/** The elements' values, in the order of the server's markers. @throws with `batchIndex` for one that does not fit. */
export function* boundElements(
  rewritten: RewrittenStatement,
  elements: Iterable<Parameters>,
): Generator<readonly unknown[]> {
  let index = 0
  for (const element of elements) yield boundElement(rewritten, element, index++)
}

function boundElement(rewritten: RewrittenStatement, element: Parameters, batchIndex: number): readonly unknown[] {
  try {
    return bindParameters(rewritten, element, batchIndex)
  } catch (error) {
    if (error instanceof DbError) amend(error, { batchIndex })
    throw error
  }
}

/** @throws ProgrammingError for anything that cannot be iterated. */
export function requireIterable<T>(elements: Iterable<T>, method: string): Iterable<T> {
  const candidate: unknown = elements
  if (candidate !== null && typeof candidate === 'object' && Symbol.iterator in candidate) return elements
  throw new ProgrammingError(
    `${method}: expected an iterable of parameter arrays or objects, got ${describeValue(elements)}`,
  )
}

/** What `fetchmany` runs. */
export interface FetchManyRequest {
  readonly sql: string
  readonly prepared?: Statement | undefined
  readonly elements: Iterable<Values>
  /** See `ResolveOptions`. */
  readonly firstPlaces?: readonly number[] | undefined
  readonly rows: RowShapeOptions
}

/** The rows of all elements, in their order. */
export function* fetchMany(context: FlowContext, { rows, ...batch }: FetchManyRequest): Flow<Row[]> {
  const collected = new BatchRows(context, rows)
  yield* executeMany(context, { ...batch, rows, sinkFor: collected.sinkFor })
  return yield* collected.all()
}
