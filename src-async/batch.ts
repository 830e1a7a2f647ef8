/**
 * `executemany` and `fetchmany` of the async API: elements from an iterable of either kind, each batch all or nothing.
 * How a batch goes over the wire is in `flows/execute-many.ts`.
 */
import type { CallOptions } from './call-options.ts'
import { iterate, leave } from './copy.ts'
import type { Engine } from './engine.ts'
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
import { DROP_ROWS } from './flows/fetch-rows.ts'
import { type ProgressOption, progressTeller } from './flows/progress.ts'
import { Patience } from './patience.ts'
import { runFlow } from './run-flow.ts'
import { type Row, type Values, listed } from './values/record.ts'
import type { RowShapeOptions } from './values/row-shapes.ts'
import { type ValueMeaning, textValues } from './values/text-values.ts'

/** What a statement is run for, one after the other. */
export type Elements = Iterable<Values> | AsyncIterable<Values>

/** What a batch runs, and what its values mean. */
export interface BatchTarget extends Pick<BatchRequest, 'sql' | 'prepared'> {
  readonly meaning: ValueMeaning
}

type Request = Pick<BatchRequest, 'sql' | 'prepared' | 'rows' | 'sinkFor' | 'progress'>

/** Runs it and drops the rows. */
export function runMany(
  engine: Engine,
  target: BatchTarget,
  elements: Elements,
  options: CallOptions & ProgressOption = {},
): Promise<BatchResult> {
  const progress = progressTeller(options, 'executemany')
  const request = { sql: target.sql, prepared: target.prepared, sinkFor: () => DROP_ROWS, progress }
  const meant = meantElements(elements, target.meaning)
  return engine.query(() => batchOf(engine, request, meant, options), target.sql, elements, options)
}

/** Runs it and gives the rows of all elements, in their order. */
export function fetchMany(
  engine: Engine,
  target: BatchTarget,
  elements: Elements,
  { rows, ...options }: CallOptions & { readonly rows: RowShapeOptions },
): Promise<{ readonly rows: Row[]; readonly tag: string }> {
  const { sql, prepared } = target
  const meant = meantElements(elements, target.meaning)
  if (!(Symbol.asyncIterator in meant)) {
    const flow = fetchManyAtHand(engine.context, { sql, prepared, elements: meant, rows })
    return engine.query(flow, sql, elements, options)
  }
  const collected = new BatchRows(engine.context, rows)
  const request = { sql, prepared, rows, sinkFor: collected.sinkFor }
  const work = async (): Promise<{ rows: Row[]; tag: string }> => {
    const { tag } = await batchOf(engine, request, meant, options)
    return { rows: await runFlow(collected.all(), engine.session), tag }
  }
  return engine.query(work, sql, elements, options)
}

/** The elements, each with the meaning that is asked for. */
function meantElements(elements: Elements, meaning: ValueMeaning): Elements {
  if (meaning === 'typed') return elements
  return Symbol.asyncIterator in elements ? meantLater(elements) : meantNow(elements)
}

function* meantNow(elements: Iterable<Values>): Generator<Values, void, undefined> {
  for (const element of elements) yield meantElement(element)
}

async function* meantLater(elements: AsyncIterable<Values>): AsyncGenerator<Values, void, undefined> {
  for await (const element of elements) yield meantElement(element)
}

/** What is no list is refused by the batch, which knows its number. */
function meantElement(element: Values): Values {
  const values: unknown = listed(element)
  return Array.isArray(values) ? textValues(values) : element
}

function batchOf(engine: Engine, request: Request, elements: Elements, { signal }: CallOptions): Promise<BatchResult> {
  if (Symbol.asyncIterator in elements) return batchFrom(engine, request, iterate(elements), engine.waitSignal(signal))
  const { sql, prepared, rows, sinkFor, progress } = request
  return runFlow(executeMany(engine.context, { sql, prepared, rows, sinkFor, progress, elements }), engine.session)
}

async function batchFrom(
  { context, session }: Engine,
  request: BatchRequest,
  source: AsyncIterator<Values, unknown>,
  signal: AbortSignal,
): Promise<BatchResult> {
  const run = <T>(flow: Flow<T>): Promise<T> => runFlow(flow, session)
  const patience = new Patience(context.deadlineMs, signal)
  const next = (): Promise<IteratorResult<Values, unknown>> => patience.wait(source.next())
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
      // Sent when there is more to come, because only then is it known that it has to be held together.
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
    patience.stop()
    if (!isDrained) await leave(source, patience)
  }
}

/** As many as it takes to know a value for each parameter; none when there are none. */
async function firstElements(next: () => Promise<IteratorResult<Values, unknown>>): Promise<(readonly unknown[])[]> {
  const elements: (readonly unknown[])[] = []
  do {
    const step = await next()
    if (step.done === true) break
    elements.push(listed(step.value))
  } while (needsMore(elements[0]) && elements.length < SAMPLE_ELEMENTS)
  return elements
}
