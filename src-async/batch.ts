/**
 * `executemany` and `fetchmany` of the async API. The elements come from an iterable or an async iterable. A batch
 * succeeds or fails as a whole. `flows/execute-many.ts` sends the batch to the server.
 */
import type { CallOptions } from './call-options.ts'
import { iterate, leave } from './copy.ts'
import { type Engine, runFlow } from './engine.ts'
import type { Flow } from './flows/ask.ts'
import {
  Batch,
  type BatchRequest,
  type BatchResult,
  NOTHING_DONE,
  SAMPLE_ELEMENTS,
  executeMany,
  needsMore,
  sampleOf,
} from './flows/execute-many.ts'
import { BatchRows, fetchMany as fetchManyAtHand } from './flows/fetch-many.ts'
import { DROP_ROWS } from './flows/run-statement.ts'
import { type ProgressOption, progressReporter } from './flows/progress.ts'
import { BoundedWait } from './bounded-wait.ts'
import { type Row, type Values, listed } from './values/record.ts'
import type { RowShapeOptions } from './values/row-shapes.ts'
import { type ValueMeaning, textValues } from './values/text-values.ts'

/** The lists of values that a statement is run with, one list for each run. */
export type Elements = Iterable<Values> | AsyncIterable<Values>

/** The statement of a batch, and whether its values mean text. */
export interface BatchTarget extends Pick<BatchRequest, 'sql' | 'prepared'> {
  readonly meaning: ValueMeaning
}

type Request = Pick<BatchRequest, 'sql' | 'prepared' | 'method' | 'rows' | 'sinkFor' | 'progress'>

/** Runs the batch and drops its rows. */
export function runMany(
  engine: Engine,
  target: BatchTarget,
  elements: Elements,
  options: CallOptions & ProgressOption = {},
): Promise<BatchResult> {
  const progress = progressReporter(options, 'executemany')
  const request = {
    sql: target.sql,
    prepared: target.prepared,
    method: 'executemany' as const,
    sinkFor: () => DROP_ROWS,
    progress,
  }
  const elementsToRun = elementsWith(target.meaning, elements)
  return engine.query(() => batchOf(engine, request, elementsToRun, options), target.sql, elements, options)
}

/** Runs the batch and returns the rows of all elements, in the order of the elements. */
export function fetchMany(
  engine: Engine,
  target: BatchTarget,
  elements: Elements,
  { rows, ...options }: CallOptions & { readonly rows: RowShapeOptions },
): Promise<{ readonly rows: Row[]; readonly tag: string }> {
  const { sql, prepared } = target
  const elementsToRun = elementsWith(target.meaning, elements)
  if (!(Symbol.asyncIterator in elementsToRun)) {
    const flow = fetchManyAtHand(engine.context, { sql, prepared, elements: elementsToRun, rows })
    return engine.query(flow, sql, elements, options)
  }
  const collected = new BatchRows(engine.context, rows)
  const request = { sql, prepared, method: 'fetchmany' as const, rows, sinkFor: collected.sinkFor }
  const work = async (): Promise<{ rows: Row[]; tag: string }> => {
    const { tag } = await batchOf(engine, request, elementsToRun, options)
    return { rows: await runFlow(collected.all(), engine.session), tag }
  }
  return engine.query(work, sql, elements, options)
}

/** Wraps the elements so that their values mean what the caller asked for. */
function elementsWith(meaning: ValueMeaning, elements: Elements): Elements {
  if (meaning === 'typed') return elements
  return Symbol.asyncIterator in elements ? withTextMeaningAsync(elements) : withTextMeaning(elements)
}

function* withTextMeaning(elements: Iterable<Values>): Generator<Values, void, undefined> {
  for (const element of elements) yield elementWithMeaning(element)
}

async function* withTextMeaningAsync(elements: AsyncIterable<Values>): AsyncGenerator<Values, void, undefined> {
  for await (const element of elements) yield elementWithMeaning(element)
}

/**
 * Passes an element that is not a list unchanged. `Batch.add` then refuses it, with an error that tells the element's
 * number.
 */
function elementWithMeaning(element: Values): Values {
  const values: unknown = listed(element)
  return Array.isArray(values) ? textValues(values) : element
}

function batchOf(engine: Engine, request: Request, elements: Elements, { signal }: CallOptions): Promise<BatchResult> {
  if (Symbol.asyncIterator in elements) return batchFrom(engine, request, iterate(elements), engine.waitSignal(signal))
  return runFlow(executeMany(engine.context, { ...request, elements }), engine.session)
}

async function batchFrom(
  { context, session }: Engine,
  request: BatchRequest,
  source: AsyncIterator<Values, unknown>,
  signal: AbortSignal,
): Promise<BatchResult> {
  const run = <T>(flow: Flow<T>): Promise<T> => runFlow(flow, session)
  const bounded = new BoundedWait(context.deadlineMs, signal)
  const next = (): Promise<IteratorResult<Values, unknown>> => bounded.wait(source.next())
  const batch = new Batch(context, request)
  const add = (element: Values): Promise<void> | null => {
    try {
      batch.add(element)
      return null
    } catch (error) {
      return run(batch.renew(error, element))
    }
  }
  let isDrained = false
  try {
    const ahead = await firstElements(next)
    if (ahead.length > 0) {
      await run(batch.begin(sampleOf(ahead)))
      for (const element of ahead) {
        const renewed = add(element)
        if (renewed !== null) await renewed
      }
    }
    for (let step = await next(); step.done !== true; step = await next()) {
      // A full batch is sent only after one more element has come. If none comes, the batch fits into one part and
      // needs no transaction around several parts.
      if (batch.isFull) await run(batch.send(false))
      const renewed = add(step.value)
      if (renewed !== null) await renewed
    }
    isDrained = true
    if (ahead.length === 0) return NOTHING_DONE
    await run(batch.send(true))
    return await run(batch.finish())
  } catch (error) {
    return await run(batch.undo(error))
  } finally {
    bounded.stop()
    if (!isDrained) await leave(source, bounded.isOver)
  }
}

/**
 * Reads elements until each parameter has a value that is not null, so that its type can be inferred. Empty when the
 * source is empty.
 */
async function firstElements(next: () => Promise<IteratorResult<Values, unknown>>): Promise<(readonly unknown[])[]> {
  const elements: (readonly unknown[])[] = []
  do {
    const step = await next()
    if (step.done === true) break
    elements.push(listed(step.value))
  } while (needsMore(elements[0]) && elements.length < SAMPLE_ELEMENTS)
  return elements
}
