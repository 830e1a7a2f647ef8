/**
 * A text of any number of statements in one Query message, never split on the client: the server's own rules about
 * implicit transactions hold. Values come as text.
 */
import { callsUnknown } from '../values/called-functions.ts'
import { EncodingGuard, encodingUse, requireUtf8, unseenEncoding } from '../values/client-encoding.ts'
import { changesMeaning } from '../values/text-traits.ts'
import type { Flight } from '../wire/operations.ts'
import type { Column, ResultSink } from '../wire/row-sink.ts'
import { ask, type Flow } from './ask.ts'
import { markExecution } from './executions.ts'
import { isUntold, noteFailure } from './failed-transaction.ts'
import { type FlowContext, dueTimeout, flight, lastLimits, otherEncoding } from './flow-context.ts'

/** Drops rows and keeps the command tags. */
export class TagSink implements ResultSink {
  readonly tags: string[] = []

  take(): void {}

  complete(_columns: readonly Column[] | null, tag: string): void {
    this.tags.push(tag)
  }
}

const NO_VALUES: readonly unknown[] = []
/** How long a command that ends a transaction runs before it is cancelled, although the call's own time is up. */
const SETTLING_MS = 2500

/** Runs the text as it stands; its rows and tags go to the sink in order. `begin: false` for what must not open a transaction. */
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
  const heeding: ResultSink = {
    take(bytes, start, end) {
      hasRows = true
      taking.take(bytes, start, end)
    },
    complete(columns, tag) {
      statements.heed(tag, { columns, traits })
      // The server's own tag has a count: the wire gives this one for a result of a rule, whose statement goes on.
      if (tag !== 'SELECT') done += 1
      taking.complete(columns, tag)
    },
  }
  try {
    const request = { sql, results: heeding, ...(begin ? flight(context) : settlingFlight(context)) }
    if (context.isPipelining) markExecution(request)
    yield* ask('simpleQuery', request)
    const encoding = hasRows ? otherEncoding(context) : null
    if (guard !== null && (encoding !== null || use === 'last')) guard.end()
    else if (encoding !== null) throw unseenEncoding(encoding, 'its results are not given')
  } catch (error) {
    if (isUntold(error)) statements.doubt()
    throw noteFailure(context, error, sql, done)
  }
}

/**
 * For what must not open a transaction: ROLLBACK and its kin. It is sent though the call's time limit has passed, since
 * the limit may be what made it necessary: a batch that was too slow must not stay half done.
 */
function settlingFlight(context: FlowContext): Flight {
  context.sentBegin = null
  // The command may end the savepoint: with its transaction, or with the savepoint around it. If not, it stays harmlessly.
  context.hasDueRelease = false
  return { begin: null, closing: context.statements.takeClosing(), ...lastLimits(context, SETTLING_MS) }
}

/**
 * One round trip that does nothing. When the call's time is up before the answer is there, the session is closed at once:
 * a ping has nothing that a cancel could save.
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
