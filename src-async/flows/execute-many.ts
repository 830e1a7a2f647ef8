/**
 * Runs one statement for many elements, all or nothing. Elements are encoded and sent in chunks; each chunk has one
 * Sync and costs one round trip. A batch of more than one chunk runs in a transaction or savepoint of its own, so that
 * an error in a late chunk also undoes the earlier ones.
 */
import { keepClass } from '../bytes/keep-class.ts'
import { DbError, ProgrammingError, amend } from '../errors/tree.ts'
import { requireNoEncoding, unseenEncoding } from '../values/client-encoding.ts'
import { ElementEncoder } from '../values/encode-arguments.ts'
import { describeValue } from '../errors/describe-value.ts'
import { type Values, listed } from '../values/record.ts'
import type { RowShapeOptions } from '../values/row-shapes.ts'
import type { Statement } from '../values/statement.ts'
import { UNDO_GUARD } from '../wire/guard.ts'
import type { RowSink } from '../wire/row-sink.ts'
import { ask, type Flow } from './ask.ts'
import { noteFailure } from './failed-transaction.ts'
import { type FlowContext, dueBegin, dueTimeout, otherEncoding, pendingBegin } from './flow-context.ts'
import type { ProgressReporter } from './progress.ts'
import { resolveStatement } from './resolve-statement.ts'
import { isSame } from './run-statement.ts'
import { undoBegin } from './undo-begin.ts'
import { runCommand } from './run-script.ts'
import { dueGuard, isLost, isRefusalByType, isStale, needsGuard } from './stale-statement.ts'
import { commit, rollback } from './transaction.ts'

export interface BatchRequest {
  /** The method that the program called, for messages. */
  readonly method: 'executemany' | 'fetchmany'
  readonly sql: string
  readonly hints?: readonly number[] | undefined
  /** See `ResolveOptions`. */
  readonly firstPlaces?: readonly number[] | undefined
  /** Whether the sink's `complete` is called at the end of each element's rows. */
  readonly marksElements?: boolean | undefined
  /** A statement that the caller has prepared. */
  readonly prepared?: Statement | undefined
  /** The options for the rows of the sink. They decide in which formats the columns are requested. */
  readonly rows?: RowShapeOptions | undefined
  readonly progress?: ProgressReporter | null | undefined
  sinkFor(statement: Statement): RowSink
}

interface Elements {
  readonly elements: Iterable<Values>
}

export interface BatchResult {
  /** null when there were no elements. Then nothing was sent. */
  readonly statement: Statement | null
  readonly affectedRows: number
  readonly tag: string
}

/** A chunk is sent when it has this many bytes. */
const CHUNK_BYTES = 256 * 1024
/** How many elements are searched for a value that is not null for each parameter. */
export const SAMPLE_ELEMENTS = 100
const SAVEPOINT = 'syncpg_executemany'
const AMONG = 'the elements of a batch'
const NO_ROW_OPTIONS: RowShapeOptions = {}

/**
 * @throws the server's errors with `batchIndex`; DataError and ProgrammingError for an element that does not fit. After
 *   any error, no element has an effect.
 */
export function* executeMany(context: FlowContext, request: BatchRequest & Elements): Flow<BatchResult> {
  const source = new Lookahead(request.elements)
  if (source.isEmpty) return NOTHING_DONE
  const batch = new Batch(context, request)
  try {
    yield* batch.begin(source.sample())
    do {
      while (!source.isEmpty && !batch.isFull) {
        const element = source.next()
        try {
          batch.add(element)
        } catch (error) {
          yield* batch.renew(error, element)
        }
      }
      yield* batch.send(source.isEmpty)
    } while (!source.isEmpty)
    return yield* batch.finish()
  } catch (error) {
    source.close()
    return yield* batch.undo(error)
  }
}

/**
 * A running batch, for a face that adds the elements one by one. The face passes any error to `undo`, which undoes the
 * batch and throws the error.
 */
export class Batch {
  readonly #context: FlowContext
  #request: BatchRequest
  #statement: Statement | null = null
  #encoder: ElementEncoder | null = null
  #rows: RowSink | null = null
  #guard: 'transaction' | 'savepoint' | null = null
  /** How many elements are encoded but not sent. */
  #count = 0
  #done = 0
  #affectedRows = 0
  #tag = ''
  /** For each parameter a value that is not null, if one is known. */
  #sample: readonly unknown[] = []
  /**
   * The server's own description, when the types were derived from the first values instead. Later values may not fit
   * the derived types.
   */
  #inferred: Statement | null = null
  /**
   * The elements of the first chunk, when the statement came from the cache. If that entry is stale, they are encoded
   * again.
   */
  #unsure: Values[] | null = null

  constructor(context: FlowContext, request: BatchRequest) {
    this.#context = context
    this.#request = request
  }

  /** @param sample for each parameter a value that is not null, if one is known */
  *begin(sample: readonly unknown[]): Flow<void> {
    const { sql, prepared } = this.#request
    const context = this.#context
    if (context.state.transactionStatus === 'I') context.statements.beginTransaction()
    this.#sample = sample
    if (prepared !== undefined) this.#use(prepared)
    else {
      const { statement, isRemembered, inferred } = yield* resolveStatement(context, sql, sample, this.#request)
      this.#use(statement)
      this.#inferred = inferred ?? null
      if (isRemembered && !context.isPipelining) this.#unsure = []
    }
  }

  #use(statement: Statement): void {
    const context = this.#context
    requireNoEncoding(statement.traits.encodingUse, this.#sample, AMONG)
    this.#statement = statement
    const { rows = NO_ROW_OPTIONS } = this.#request
    this.#encoder = new ElementEncoder(context.out, statement.formFor(rows), this.#request.method)
    this.#rows = this.#request.sinkFor(this.#statement)
    context.out.clear()
  }

  /** Whether the buffer has enough bytes for a chunk. */
  get isFull(): boolean {
    return this.#context.out.length >= CHUNK_BYTES
  }

  /** Encodes an element. @throws DataError, ProgrammingError when it does not fit. */
  add(element: Values): void {
    const { out } = this.#context
    const values = listed(element)
    if (!Array.isArray(values)) throw elementError(values, this.#done + this.#count, this.#request.method)
    const { encodingUse } = (this.#statement as Statement).traits
    if (encodingUse !== 'none') requireNoEncoding(encodingUse, values, AMONG)
    const length = out.reserveInt32()
    ;(this.#encoder as ElementEncoder).encode(values)
    out.patchLength(length)
    this.#count += 1
    this.#unsure?.push(element)
  }

  /**
   * Handles an element that could not be encoded. If the types were derived from the first values, it sends the
   * elements before it and encodes the rest by the server's own description. If the statement came from the cache and
   * the server now describes it differently, it encodes the whole first chunk again.
   * @throws the refusal when neither helps.
   */
  *renew(refusal: unknown, element: Values): Flow<void> {
    const { state } = this.#context
    if (this.#inferred !== null && isRefusalByType(refusal) && !state.isClosed) {
      const inferred = this.#inferred
      this.#inferred = null
      if (this.#count > 0) yield* this.send(false)
      this.#use(inferred)
      try {
        return this.add(element)
      } catch {
        throw refusal
      }
    }
    const statement = this.#statement as Statement
    if (this.#unsure === null || !isRefusalByType(refusal) || state.isClosed) throw refusal
    const elements = [...this.#unsure, element]
    const again = yield* this.#describeAgain()
    if (isSame(again, statement)) throw refusal
    this.#encodeAgain(again, elements)
  }

  *#describeAgain(): Flow<Statement> {
    const { sql, hints, firstPlaces } = this.#request
    return (yield* resolveStatement(this.#context, sql, this.#sample, { hints, firstPlaces, ignoresCache: true }))
      .statement
  }

  #encodeAgain(statement: Statement, elements: readonly Values[]): void {
    this.#unsure = null
    this.#count = 0
    this.#use(statement)
    for (const element of elements) this.add(element)
  }

  /**
   * Sends the added elements.
   * @param isLast whether no more will follow. Then a batch of one chunk needs no transaction of its own.
   */
  *send(isLast: boolean): Flow<void> {
    const context = this.#context
    const { state, statements } = context
    if (this.#guard === null && !isLast) this.#guard = yield* openGuard(context)
    const elements = this.#unsure
    const { scopeBegin } = context
    const wasIdle = state.transactionStatus === 'I'
    const isGuarded = needsGuard(context, this.#statement as Statement, elements !== null)
    try {
      yield* this.#sendChunk()
    } catch (error) {
      const isUnbegun = (wasIdle || isGuarded) && !state.isClosed
      if (elements === null || !isUnbegun || !isStale(error, true))
        throw withElement(error, this.#done, this.#request.method)
      if (isLost(error)) statements.clear()
      if (isGuarded) yield* runCommand(context, UNDO_GUARD, false)
      else yield* undoBegin(context, scopeBegin)
      this.#encodeAgain(yield* this.#describeAgain(), elements)
      try {
        yield* this.#sendChunk()
      } catch (again) {
        throw withElement(again, this.#done, this.#request.method)
      }
    }
    this.#unsure = null
    this.#done += this.#count
    this.#count = 0
    const bytes = context.out.length
    context.out.clear()
    this.#request.progress?.add(this.#done, bytes)
  }

  *#sendChunk(): Flow<void> {
    const context = this.#context
    const { statements } = context
    const statement = this.#statement as Statement
    const isGuarded = needsGuard(context, statement, this.#unsure !== null)
    const timeoutMs = dueTimeout(context)
    const { affectedRows, tag } = yield* ask('executeMany', {
      name: statement.name,
      parse: statement.name === '' ? statement : null,
      binds: context.out.view(),
      count: this.#count,
      rows: this.#rows as RowSink,
      marksElements: this.#request.marksElements === true,
      begin: isGuarded ? dueGuard(context) : dueBegin(context),
      closing: statements.takeClosing(),
      timeoutMs,
    })
    statement.provenIn = statements.proof
    statements.noteCommand(tag, statement)
    const encoding = otherEncoding(context)
    if (encoding !== null) throw unseenEncoding(encoding, 'text of later elements may have been misread')
    this.#affectedRows = this.#affectedRows < 0 || affectedRows < 0 ? -1 : this.#affectedRows + affectedRows
    this.#tag = tag
  }

  *finish(): Flow<BatchResult> {
    this.#request.progress?.end(this.#done)
    if (this.#guard !== null) yield* closeGuard(this.#context, this.#guard)
    this.#context.kept.keep(this.#emptied())
    return { statement: this.#statement, affectedRows: this.#affectedRows, tag: this.#tag }
  }

  /** Drops the references to the caller's objects, so that a kept batch does not keep them in memory. */
  #emptied(): this {
    this.#request = NO_REQUEST
    this.#rows = null
    this.#sample = []
    return this
  }

  /** Undoes the chunks that were sent. @throws the error, with the additions of `noteFailure`. */
  *undo(error: unknown): Flow<never> {
    const noted = noteFailure(this.#context, error, this.#request.sql)
    if (this.#guard !== null && !this.#context.state.isClosed) yield* undo(this.#context, this.#guard)
    throw noted
  }
}

const NO_REQUEST: BatchRequest = { method: 'executemany', sql: '', sinkFor: () => ({ take() {} }) }

/** The result of a batch without elements. */
export const NOTHING_DONE: BatchResult = { statement: null, affectedRows: 0, tag: '' }

/** Changes `batchIndex` from an index in the chunk to one in the batch, and adds it to the message. */
function withElement(error: unknown, done: number, method: string): unknown {
  if (!(error instanceof DbError) || error.batchIndex === undefined) return error
  const batchIndex = error.batchIndex + done
  amend(error, { batchIndex }, `${error.primaryMessage} (element #${batchIndex} of ${method})`)
  return error
}

function* openGuard(context: FlowContext): Flow<'transaction' | 'savepoint'> {
  // The scratch buffer holds the encoded chunk. A command does not use that buffer.
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

/**
 * Undoes the effects of earlier chunks. If the caller's transaction has failed, the caller must roll it back, as after
 * any error.
 */
function* undo(context: FlowContext, guard: 'transaction' | 'savepoint'): Flow<void> {
  if (guard === 'transaction') yield* rollback(context)
  else if (context.state.transactionStatus === 'T') {
    yield* runCommand(context, `ROLLBACK TO SAVEPOINT ${SAVEPOINT}; RELEASE SAVEPOINT ${SAVEPOINT}`, false)
  }
}

const END = Symbol('end')

/** The elements of an iterable. It can read the first few ahead. */
class Lookahead {
  readonly #iterator: Iterator<Values>
  /** The next element. */
  #head: readonly unknown[] | typeof END = END
  /** The elements that were read ahead after `#head`, last first. */
  #looked: (readonly unknown[])[] = []
  #isDrained = false

  constructor(elements: Iterable<Values>) {
    this.#iterator = elements[Symbol.iterator]()
    this.#head = this.#pull()
  }

  get isEmpty(): boolean {
    return this.#head === END
  }

  next(): readonly unknown[] {
    const element = this.#head
    if (element === END) throw new RangeError('bug: read beyond the last element')
    this.#head = this.#looked.length > 0 ? this.#looked.pop()! : this.#pull()
    return element
  }

  sample(): readonly unknown[] {
    const elements = this.#head === END ? [] : [this.#head]
    while (needsMore(elements[0]) && elements.length < SAMPLE_ELEMENTS) {
      const element = this.#pull()
      if (element === END) break
      elements.push(element)
    }
    this.#looked = elements.slice(1).reverse()
    return sampleOf(elements)
  }

  close(): void {
    if (!this.#isDrained) this.#iterator.return?.()
    this.#isDrained = true
  }

  #pull(): readonly unknown[] | typeof END {
    if (this.#isDrained) return END
    const { done, value } = this.#iterator.next()
    if (done !== true) return listed(value)
    this.#isDrained = true
    return END
  }
}

keepClass(new Lookahead([]))

function elementError(found: unknown, batchIndex: number, method: string): ProgrammingError {
  const message = `element #${batchIndex} of ${method}: expected an array of values, got ${describeValue(found)}`
  return new ProgrammingError(message, { batchIndex })
}

/** Whether an element has a null, which tells nothing about its parameter's type. */
export function needsMore(element: unknown): boolean {
  return Array.isArray(element) && element.includes(null)
}

/** For each parameter the first value in these elements that is not null. */
export function sampleOf(elements: readonly (readonly unknown[])[]): readonly unknown[] {
  const first = elements[0] ?? []
  if (!needsMore(first)) return first
  const sample: unknown[] = [...first]
  for (const element of elements) {
    for (let index = 0; index < first.length; index++) sample[index] ??= element?.[index] ?? null
  }
  return sample
}
