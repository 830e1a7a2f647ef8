/**
 * Runs a text of any number of statements in one Query message. The client never splits it, so the server's rules about
 * implicit transactions apply. Values arrive as text.
 */
import { callsUnknown } from '../values/called-functions.ts'
import { EncodingGuard, encodingUse, requireUtf8, unseenEncoding } from '../values/client-encoding.ts'
import { changesMeaning } from '../values/text-traits.ts'
import type { Flight } from '../wire/operations.ts'
import type { Column, ResultSink } from '../wire/row-sink.ts'
import { ask, type Flow } from './ask.ts'
import { markExecution } from './executions.ts'
import { isOutcomeUnknown, noteFailure } from './failed-transaction.ts'
import { type FlowContext, dueTimeout, flight, lastLimits, otherEncoding } from './flow-context.ts'

/** A sink that drops rows and keeps the command tags. */
export class TagSink implements ResultSink {
  readonly tags: string[] = []

  take(): void {}

  complete(_columns: readonly Column[] | null, tag: string): void {
    this.tags.push(tag)
  }
}

const NO_VALUES: readonly unknown[] = []
/** How long a command that ends a transaction may run when the call's own time is up. Then it is cancelled. */
const SETTLING_MS = 2500

/**
 * Runs the text unchanged. Its rows and tags go to the sink in order. Pass `begin: false` for a command that must not
 * open a transaction.
 */
export function* runScript(context: FlowContext, sql: string, results: ResultSink, begin = true): Flow<void> {
  const { statements, state } = context
  if (state.transactionStatus === 'I') statements.beginTransaction()
  const isStandard = state.parameters.get('standard_conforming_strings') !== 'off'
  const traits = { changesMeaning: changesMeaning(sql, isStandard), callsUnknown: callsUnknown(sql) }
  const use = encodingUse(sql, isStandard)
  requireUtf8(use, NO_VALUES)
  const guard = use === 'none' ? null : new EncodingGuard(results)
  const taking = guard ?? results
  let hasRows = false
  let done = 0
  const noting: ResultSink = {
    take(bytes, start, end) {
      hasRows = true
      taking.take(bytes, start, end)
    },
    complete(columns, tag) {
      statements.noteCommand(tag, { columns, traits })
      // The server's tag of a SELECT has a count. The wire makes this tag without a count for a result inside a
      // statement with a rule: the statement is not complete.
      if (tag !== 'SELECT') done += 1
      taking.complete(columns, tag)
    },
  }
  try {
    const request = { sql, results: noting, ...(begin ? flight(context) : settlingFlight(context)) }
    if (context.isPipelining) markExecution(request)
    yield* ask('simpleQuery', request)
    const encoding = hasRows ? otherEncoding(context) : null
    if (guard !== null && (encoding !== null || use === 'last')) guard.end()
    else if (encoding !== null) throw unseenEncoding(encoding, 'its results are not returned')
  } catch (error) {
    if (isOutcomeUnknown(error)) statements.noteUnknownOutcome()
    throw noteFailure(context, error, sql, done)
  }
}

/**
 * The request fields of a command that must not open a transaction, such as ROLLBACK. It is sent even after the call's
 * time limit, because the limit may be the reason for it: a batch that was too slow must be undone.
 */
function settlingFlight(context: FlowContext): Flight {
  context.sentBegin = null
  // The command may end the savepoint, with its transaction or with an outer savepoint. If it does not, the savepoint
  // stays and does no harm.
  context.hasDueRelease = false
  return { begin: null, closing: context.statements.takeClosing(), ...lastLimits(context, SETTLING_MS) }
}

/**
 * Makes one round trip that does nothing. When the time limit passes first, the session is closed at once: there is no
 * statement to cancel.
 */
export function* ping(context: FlowContext): Flow<void> {
  const limits = { timeoutMs: dueTimeout(context), graceMs: 0 }
  yield* ask('simpleQuery', { sql: '', results: new TagSink(), begin: null, closing: [], ...limits })
}

/** Runs one or more commands whose rows do not matter. @returns the last command tag, `''` when there was none. */
export function* runCommand(context: FlowContext, sql: string, begin = true): Flow<string> {
  const sink = new TagSink()
  yield* runScript(context, sql, sink, begin)
  return sink.tags.at(-1) ?? ''
}
