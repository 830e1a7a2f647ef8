/**
 * `copyRecordsToTable` of the async API. Records of an iterable are read by the flow. For an async iterable this file
 * waits for each record.
 */
import { type CallOptions, SIGNAL } from './call-options.ts'
import { COPY_RECORDS_NAMES } from './flows/call-options.ts'
import { iterate, leave } from './copy.ts'
import { type Engine, runFlow } from './engine.ts'
import { ProgrammingError } from './errors/tree.ts'
import { abandonCopyIn } from './flows/copy-bytes.ts'
import {
  type CopyTarget,
  type RecordEncoder,
  copyRecords,
  copyRecordsSql,
  copyTarget,
  endCopy,
  sendCopyChunk,
  startCopy,
} from './flows/copy-records.ts'
import { type ProgressOption, type ProgressReporter, progressReporter } from './flows/progress.ts'
import { BoundedWait } from './bounded-wait.ts'
import { knownOptions, requireKnownAlways } from './options/known-options.ts'
import type { Values } from './values/record.ts'

/** Options of `copyRecordsToTable`. */
export interface CopyRecordsOptions extends CallOptions, ProgressOption {
  /** The records: an iterable or async iterable of arrays, each with a value for each column. */
  readonly records: Iterable<Values> | AsyncIterable<Values>
  /** The columns of the records in order, by default all columns of the table. */
  readonly columns?: readonly string[] | undefined
  /** The table's schema; without it the search path decides. */
  readonly schema?: string | undefined
  /** A condition in SQL. Only records that meet it are loaded. It is sent as it is. */
  readonly where?: string | undefined
}

/** The arguments for query loggers: none, because there may be millions of records. */
const NO_ARGUMENTS: readonly unknown[] = []
const COPY_RECORDS = knownOptions<CopyRecordsOptions>({ ...COPY_RECORDS_NAMES, signal: SIGNAL })

/** @returns the command tag. @throws the source's own error; then nothing is loaded. */
export function loadRecords(engine: Engine, table: string, options: CopyRecordsOptions): Promise<string> {
  const { records } = requireRecords(options)
  const target = copyTarget(table, options)
  const sql = copyRecordsSql(target)
  const progress = progressReporter(options, 'copyRecordsToTable')
  if (Symbol.iterator in records) {
    return engine.query(copyRecords(engine.context, target, records, { progress }), sql, NO_ARGUMENTS, options)
  }
  const { signal } = options
  return engine.query(() => loadAwaited(engine, target, records, { signal, progress }), sql, NO_ARGUMENTS, options)
}

async function loadAwaited(
  engine: Engine,
  target: CopyTarget,
  records: AsyncIterable<Values>,
  { signal, progress }: { signal: AbortSignal | undefined; progress: ProgressReporter | null },
): Promise<string> {
  const { context, session } = engine
  const bounded = new BoundedWait(context.deadlineMs, engine.waitSignal(signal))
  const source = iterate(records)
  let encoder: RecordEncoder | null = null
  /** True while no flow of the COPY runs. A flow that fails ends the COPY itself; otherwise this function must. */
  let isOurs = false
  let isDrained = false
  try {
    encoder = await runFlow(startCopy(context, target), session)
    isOurs = true
    for (;;) {
      const step = await bounded.wait(source.next())
      if (step.done === true) break
      encoder.add(step.value)
      if (!encoder.isFull) continue
      isOurs = false
      await runFlow(sendCopyChunk(context, encoder), session)
      isOurs = true
      progress?.add(encoder.sentCount, encoder.takeSentBytes())
    }
    isDrained = true
    isOurs = false
    return await runFlow(endCopy(context, encoder, progress), session)
  } catch (error) {
    if (isOurs && encoder?.isOpen === true) await runFlow(abandonCopyIn(context, error), session)
    throw error
  } finally {
    bounded.stop()
    if (!isDrained) await leave(source, bounded.isOver)
  }
}

function requireRecords(options: CopyRecordsOptions): CopyRecordsOptions {
  requireKnownAlways(options, COPY_RECORDS, 'copyRecordsToTable', 'records')
  const records: unknown = options.records
  if (records !== null && typeof records === 'object') {
    if (Symbol.iterator in records || Symbol.asyncIterator in records) return options
  }
  throw new ProgrammingError('copyRecordsToTable: expected { records }, an iterable of arrays')
}
