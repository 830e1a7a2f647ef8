/** `copyRecordsToTable` on the event loop: records that are at hand, or that are waited for one by one. */
import type { CallOptions } from './call-options.ts'
import { COPY_RECORDS_NAMES } from './flows/call-options.ts'
import { iterate, leave } from './copy.ts'
import type { Engine } from './engine.ts'
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
import { type ProgressOption, type ProgressTeller, progressTeller } from './flows/progress.ts'
import { Patience } from './patience.ts'
import { runFlow } from './run-flow.ts'
import { knownOptions, requireKnownAlways } from './options/known-options.ts'
import type { Values } from './values/record.ts'

/** What `copyRecordsToTable` takes beside the table's name. */
export interface CopyRecordsOptions extends CallOptions, ProgressOption {
  /** The records, an iterable or an async one: arrays with a value for each column. */
  readonly records: Iterable<Values> | AsyncIterable<Values>
  /** The columns of the records, in their order; all of the table's without it. */
  readonly columns?: readonly string[] | undefined
  /** The table's schema; the search path finds it without one. */
  readonly schema?: string | undefined
  /** A condition on the incoming rows, verbatim SQL. */
  readonly where?: string | undefined
}

/** The records are no arguments: there may be millions. */
const NO_ARGUMENTS: readonly unknown[] = []
const COPY_RECORDS = knownOptions<CopyRecordsOptions>({ ...COPY_RECORDS_NAMES, signal: true })

/** @returns the command tag. @throws the source's own error; nothing is loaded then. */
export function loadRecords(engine: Engine, table: string, options: CopyRecordsOptions): Promise<string> {
  const { records } = requireRecords(options)
  const target = copyTarget(table, options)
  const sql = copyRecordsSql(target)
  const progress = progressTeller(options, 'copyRecordsToTable')
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
  { signal, progress }: { signal: AbortSignal | undefined; progress: ProgressTeller | null },
): Promise<string> {
  const { context, session } = engine
  const patience = new Patience(context.deadlineMs, engine.waitSignal(signal))
  const source = iterate(records)
  let encoder: RecordEncoder | null = null
  /** Whether no flow of the COPY is under way, which would end it by itself when it fails. */
  let isOurs = false
  let isDrained = false
  try {
    encoder = await runFlow(startCopy(context, target), session)
    isOurs = true
    for (;;) {
      const step = await patience.wait(source.next())
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
    patience.stop()
    if (!isDrained) await leave(source, patience)
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
