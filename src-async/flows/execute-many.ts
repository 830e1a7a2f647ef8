/**
 * One statement for many elements: all or nothing. Elements are encoded and sent in chunks, each one Sync and one round
 * trip; what needs more than one chunk is held together by a transaction or a savepoint of its own, so that an element
 * that cannot be encoded in a late chunk undoes the early ones.
 */
import { DbError, amend } from '../errors/tree.ts'
import { encodeArguments } from '../values/encode-arguments.ts'
import type { Statement } from '../values/statement.ts'
import type { RowSink } from '../wire/row-sink.ts'
import { ask, type Flow } from './ask.ts'
import { noteFailure } from './failed-transaction.ts'
import { type FlowContext, flight, pendingBegin } from './flow-context.ts'
import { resolveStatement } from './resolve-statement.ts'
import { runCommand } from './run-script.ts'
import { commit, rollback } from './transaction.ts'

export interface BatchRequest {
  readonly sql: string
  readonly elements: Iterable<readonly unknown[]>
  readonly hints?: readonly number[] | undefined
  /** Whether the sink is told the end of each element's rows by its `complete`. */
  readonly marksElements?: boolean | undefined
  /** A statement the caller prepared. */
  readonly prepared?: Statement | undefined
  sinkFor(statement: Statement): RowSink
}

export interface BatchResult {
  /** Null when there were no elements: nothing was asked of the server. */
  readonly statement: Statement | null
  readonly affectedRows: number
  readonly tag: string
}

/** A chunk is sent when it has this many bytes. */
const CHUNK_BYTES = 256 * 1024
/** Elements looked at to find a value that is not null for each parameter. */
const SAMPLE_ELEMENTS = 100
const SAVEPOINT = 'syncpg_executemany'

/**
 * @throws the server's errors with `batchIndex`; DataError and ProgrammingError for an element that does not fit. Either
 *   way nothing of the batch stays.
 */
export function* executeMany(context: FlowContext, request: BatchRequest): Flow<BatchResult> {
  const { sql, elements, prepared } = request
  const source = new Lookahead(elements)
  if (source.isEmpty) return { statement: null, affectedRows: 0, tag: '' }
  let guard: 'transaction' | 'savepoint' | null = null
  try {
    const statement = prepared ?? (yield* resolveStatement(context, sql, source.sample(), request)).statement
    const rows = request.sinkFor(statement)
    const marksElements = request.marksElements === true
    let affectedRows = 0
    let tag = ''
    let done = 0
    do {
      const count = encodeChunk(context, statement, source, done)
      if (guard === null && !source.isEmpty) guard = yield* openGuard(context)
      const reply = yield* sendChunk(context, statement, { count, done, rows, marksElements })
      affectedRows = affectedRows < 0 || reply.affectedRows < 0 ? -1 : affectedRows + reply.affectedRows
      tag = reply.tag
      done += count
    } while (!source.isEmpty)
    if (guard !== null) yield* closeGuard(context, guard)
    return { statement, affectedRows, tag }
  } catch (error) {
    source.close()
    const noted = noteFailure(context, error, sql)
    if (guard !== null && !context.state.isClosed) yield* undo(context, guard)
    throw noted
  }
}

/** Encodes elements into the scratch buffer until the chunk is full. @returns how many. */
function encodeChunk(context: FlowContext, statement: Statement, source: Lookahead, done: number): number {
  const { out } = context
  out.clear()
  let count = 0
  while (!source.isEmpty && out.length < CHUNK_BYTES) {
    const length = out.reserveInt32()
    encodeArguments(out, statement, source.next(), { element: done + count })
    out.patchLength(length)
    count += 1
  }
  return count
}

function* sendChunk(
  context: FlowContext,
  statement: Statement,
  chunk: { count: number; done: number; rows: RowSink; marksElements: boolean },
): Flow<{ affectedRows: number; tag: string }> {
  const { count, done, rows, marksElements } = chunk
  try {
    return yield* ask('executeMany', {
      name: statement.name,
      parse: statement.name === '' ? statement : null,
      binds: context.out.view(),
      count,
      rows,
      marksElements,
      ...flight(context),
    })
  } catch (error) {
    throw withElement(error, done)
  }
}

/** Counts the failing element from the start of the batch, not of the chunk, and says it in the message. */
function withElement(error: unknown, done: number): unknown {
  if (!(error instanceof DbError) || error.batchIndex === undefined) return error
  const batchIndex = error.batchIndex + done
  amend(error, { batchIndex }, `${error.primaryMessage} (element #${batchIndex} of executemany)`)
  return error
}

function* openGuard(context: FlowContext): Flow<'transaction' | 'savepoint'> {
  // The chunk is encoded in the scratch buffer already: a command's text does not pass through it.
  if (context.state.transactionStatus === 'I' && pendingBegin(context) === null) {
    yield* runCommand(context, 'BEGIN', false)
    return 'transaction'
  }
  yield* runCommand(context, `SAVEPOINT ${SAVEPOINT}`)
  return 'savepoint'
}

function* closeGuard(context: FlowContext, guard: 'transaction' | 'savepoint'): Flow<void> {
  if (guard === 'transaction') yield* commit(context)
  else yield* runCommand(context, `RELEASE SAVEPOINT ${SAVEPOINT}`, false)
}

/** Undoes what earlier chunks did. A transaction the server failed is the caller's to roll back, as after any error. */
function* undo(context: FlowContext, guard: 'transaction' | 'savepoint'): Flow<void> {
  if (guard === 'transaction') yield* rollback(context)
  else if (context.state.transactionStatus === 'T') {
    yield* runCommand(context, `ROLLBACK TO SAVEPOINT ${SAVEPOINT}; RELEASE SAVEPOINT ${SAVEPOINT}`, false)
  }
}

/** An iterable's elements, with the first few looked at before they are consumed. */
class Lookahead {
  readonly #iterator: Iterator<readonly unknown[]>
  #ahead: (readonly unknown[])[] = []
  #next = 0
  #isDrained = false

  constructor(elements: Iterable<readonly unknown[]>) {
    this.#iterator = elements[Symbol.iterator]()
    this.#fill(1)
  }

  get isEmpty(): boolean {
    return this.#next === this.#ahead.length
  }

  next(): readonly unknown[] {
    const element = this.#ahead[this.#next]
    if (element === undefined) throw new RangeError('bug: read beyond the last element')
    this.#next += 1
    if (this.#next === this.#ahead.length) this.#fill(1)
    return element
  }

  /** For each parameter its first value that is not null, among the first elements. */
  sample(): readonly unknown[] {
    const first = this.#ahead[0] ?? []
    if (!Array.isArray(first) || !first.includes(null)) return first
    const wanted = first.length
    const sample: unknown[] = [...first]
    this.#more(SAMPLE_ELEMENTS)
    for (const element of this.#ahead) {
      for (let index = 0; index < wanted; index++) sample[index] ??= element[index] ?? null
    }
    return sample
  }

  close(): void {
    if (!this.#isDrained) this.#iterator.return?.()
    this.#isDrained = true
  }

  #fill(count: number): void {
    this.#ahead = []
    this.#next = 0
    this.#more(count)
  }

  #more(count: number): void {
    while (!this.#isDrained && this.#ahead.length < count) {
      const step = this.#iterator.next()
      if (step.done === true) this.#isDrained = true
      else this.#ahead.push(step.value)
    }
  }
}
