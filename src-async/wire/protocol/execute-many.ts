/**
 * Many Bind and Execute under one Sync: all or nothing. The answers are counted, so that an error can name its element. Row
 * counts are summed from the bytes of the command tags, and only the last tag becomes a string.
 */
import { amend, DbError, InternalError } from '../../errors/tree.ts'
import type { ByteWriter } from '../../bytes/byte-writer.ts'
import { guardKind } from '../guard.ts'
import type { ExecuteManyReply, ExecuteManyRequest } from '../operations.ts'
import type { ResultSink, RowSink } from '../row-sink.ts'
import { readAffectedRows } from './backend.ts'
import { refuseCopyIn, refuseCopyOut, writeCopyGuard } from './copy-misuse.ts'
import {
  type AnswerCounter,
  expect,
  markNotStarted,
  readPrelude,
  readReleaseOfBind,
  unexpected,
  type Exchange,
  type Link,
} from './exchange.ts'
import {
  bindNames,
  hasPrelude,
  requireParse,
  writeBind,
  writeBindAndExecute,
  writeExecute,
  writeParse,
  writePrelude,
  writeReleaseOfBind,
  writeReleaseOfRun,
  writeSync,
} from './frontend.ts'
import {
  BIND_COMPLETE,
  COMMAND_COMPLETE,
  COPY_IN_RESPONSE,
  COPY_OUT_RESPONSE,
  EMPTY_QUERY_RESPONSE,
  PARSE_COMPLETE,
  READY_FOR_QUERY,
} from './tags.ts'

export function* executeMany(link: Link, request: ExecuteManyRequest): Exchange<ExecuteManyReply> {
  const { parse, count } = request
  requireParse(request)
  writePrelude(link.out, request)
  if (parse !== null) writeParse(link.out, request.name, parse)
  const guard = guardKind(request.begin)
  writeElements(link.out, request, guard === 'bind')
  if (guard === 'run') writeReleaseOfRun(link.out)
  writeSync(link.out)

  try {
    if (hasPrelude(request)) yield* readPrelude(link, request)
    if (parse !== null) {
      yield
      expect(link, PARSE_COMPLETE, 'Parse')
    }
  } catch (error) {
    markNotStarted(error)
    throw error
  }
  const answers = new ElementAnswers(link, request)
  try {
    yield
    // `link.answers` is set only now, because before its first answer another exchange may be the current one. From here on
    // `answers` counts the ordinary answers, and only other messages resume this exchange.
    if (guard === 'bind') yield* answers.readGuardedBind()
    link.answers = answers
    while (answers.index < count) {
      if (!answers.take(link.tag)) yield* answers.readUnusual()
      yield
    }
  } catch (error) {
    // Only an error of the server before the Sync belongs to an element.
    const isOfElement = answers.index < count && error instanceof DbError && error.severity !== undefined
    if (isOfElement) amend(error, { batchIndex: answers.index })
    if (isOfElement && answers.hasNotStarted) markNotStarted(error)
    throw error
  }
  link.answers = null
  if (guard === 'run') {
    // The message that ended the loop is the first answer to RELEASE.
    expect(link, PARSE_COMPLETE, 'RELEASE')
    yield
    expect(link, BIND_COMPLETE, 'RELEASE')
    yield
    expect(link, COMMAND_COMPLETE, 'RELEASE')
    yield
  }
  expect(link, READY_FOR_QUERY, 'executeMany')
  const { affectedRows, tag } = answers
  link.kept.keep(answers.emptied())
  return { affectedRows, tag }
}

/** @param isGuarded whether a savepoint protects the first Bind */
function writeElements(out: ByteWriter, { name, binds, count }: ExecuteManyRequest, isGuarded: boolean): void {
  const view = new DataView(binds.buffer, binds.byteOffset, binds.byteLength)
  const names = bindNames(name)
  let position = 0
  for (let i = 0; i < count; i++) {
    const start = position + 4
    const end = start <= binds.length ? start + view.getInt32(position) : -1
    if (end < start || end > binds.length) {
      throw new InternalError(`bug: executeMany was given ${count} binds, and number ${i} does not lie in its bytes`)
    }
    if (i === 0 && isGuarded) {
      writeBind(out, name, binds, start, end)
      writeReleaseOfBind(out)
      writeExecute(out, 0)
    } else writeBindAndExecute(out, names, binds, start, end)
    // A COPY FROM STDIN would read the next Bind as data, and the connection would end. So a CopyFail goes before it. A
    // statement with parameters cannot be a COPY and needs none.
    if (i === 0 && hasNoParameters(view, start, end)) writeCopyGuard(out)
    position = end
  }
}

/** Reads a Bind body: the number of parameter formats, the formats, the number of parameters. */
function hasNoParameters(view: DataView, start: number, end: number): boolean {
  if (end - start < 4) return false
  const countAt = start + 2 + 2 * view.getUint16(start)
  return countAt + 2 <= end && view.getUint16(countAt) === 0
}

class ElementAnswers implements AnswerCounter {
  readonly #link: Link
  readonly #count: number
  readonly #marksElements: boolean
  #rows: RowSink
  /** Whether the current element's Bind has been answered. */
  #isBound = false
  /** The element whose answers come next. */
  index = 0
  affectedRows: number
  tag = ''

  constructor(link: Link, { count, rows, marksElements }: ExecuteManyRequest) {
    this.#link = link
    this.#count = count
    this.#rows = rows
    this.#marksElements = marksElements === true
    this.affectedRows = count === 0 ? 0 : -1
  }

  /** Whether the server has not accepted the first element's Bind yet. */
  get hasNotStarted(): boolean {
    return this.index === 0 && !this.#isBound
  }

  /** Removes the sink, so that this object can be kept for its hidden class. */
  emptied(): this {
    this.#rows = NO_ROWS
    return this
  }

  /** Reads the answers to the first element's Bind and to its RELEASE. The current message is the first of them. */
  *readGuardedBind(): Exchange<void> {
    const link = this.#link
    expect(link, BIND_COMPLETE, 'Bind')
    this.#isBound = true
    yield* readReleaseOfBind(link)
    link.rows = this.#rows
    yield
  }

  take(tag: number): boolean {
    if (!this.#isBound) {
      if (tag !== BIND_COMPLETE || this.index === this.#count) return false
      this.#isBound = true
      this.#link.rows = this.#rows
      return true
    }
    if (tag !== COMMAND_COMPLETE || this.#marksElements) return false
    this.#complete()
    if (this.index === this.#count) this.tag = this.#link.commandTag()
    return true
  }

  /** Handles the current message, which `take` has refused. */
  *readUnusual(): Exchange<void> {
    const link = this.#link
    if (!this.#isBound) throw unexpected(link, 'Bind', BIND_COMPLETE)
    switch (link.tag) {
      case COMMAND_COMPLETE:
        this.#complete()
        this.tag = link.commandTag()
        return (this.#rows as ResultSink).complete(null, this.tag)
      case EMPTY_QUERY_RESPONSE:
        return this.#next()
      case COPY_IN_RESPONSE:
        link.answers = null
        return yield* refuseCopyIn(link, 'guard')
      case COPY_OUT_RESPONSE:
        link.answers = null
        return yield* refuseCopyOut(link)
      default:
        throw unexpected(link, 'Execute')
    }
  }

  #complete(): void {
    const rows = readAffectedRows(this.#link.body)
    if (rows >= 0) this.affectedRows = Math.max(this.affectedRows, 0) + rows
    this.#next()
  }

  #next(): void {
    this.#link.rows = null
    this.#isBound = false
    this.index += 1
  }
}

const NO_ROWS: RowSink = { take() {} }
