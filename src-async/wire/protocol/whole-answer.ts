/**
 * Checks whether bytes in memory are the whole plain answer to an `execute`, or to a `simpleQuery` of one command without
 * rows, up to the last byte. The fast path uses it for small statements. If the bytes hold anything else (an error, a notice,
 * a COPY, only a part of the answer), an exchange has to read them. The check changes nothing, so an exchange can
 * still read the bytes from the start.
 */
import { ByteReader } from '../../bytes/byte-reader.ts'
import { guardKind } from '../guard.ts'
import type { ExecuteRequest, Flight, ParseSpec } from '../operations.ts'
import type { Description } from '../row-sink.ts'
import { readParameterDescription, readRowDescription } from './backend.ts'
import { CommandTags } from './command-tag.ts'
import {
  BIND_COMPLETE,
  CLOSE_COMPLETE,
  COMMAND_COMPLETE,
  DATA_ROW,
  EMPTY_QUERY_RESPONSE,
  HEADER_BYTES,
  lengthWord,
  NO_DATA,
  PARAMETER_DESCRIPTION,
  PARSE_COMPLETE,
  PORTAL_SUSPENDED,
  READY_FOR_QUERY,
  ROW_DESCRIPTION,
} from './tags.ts'

/** The results of the check. */
export const ANSWER = { incomplete: -1, other: -2, whole: 0 } as const

export type AnswerKind = (typeof ANSWER)[keyof typeof ANSWER]

/** The character codes of I, T and E: see `TransactionStatus`. */
const STATUSES: ReadonlySet<number> = new Set([0x49, 0x54, 0x45])

/** The fields of a request that decide which messages its answer has. */
export interface Question extends Pick<Flight, 'begin' | 'closing'> {
  /** Undefined for a `simpleQuery`. */
  readonly parse?: ParseSpec | null
  readonly describes?: ExecuteRequest['describes']
}

export class WholeAnswer {
  /** The range of the answer to Describe, if the request has one. */
  #descriptionStart = 0
  #descriptionEnd = 0
  /** The range of the DataRow messages. */
  rowsStart = 0
  rowsEnd = 0
  /** See `ExecuteReply`. */
  tag: string | null = null
  /** Character code of the transaction status. */
  transactionStatus = 0
  readonly #tags = new CommandTags()
  readonly #body = new ByteReader(new Uint8Array(0))
  /** The bytes that were checked, and their end. */
  #bytes: Uint8Array = new Uint8Array(0)
  #end = 0

  /** Checks the first `end` bytes. The fields are valid only when the result is `ANSWER.whole`. */
  read(bytes: Uint8Array, end: number, question: Question): AnswerKind {
    this.#bytes = bytes
    this.#end = end
    const rowsStart = this.#passStart(question)
    if (rowsStart < 0) return rowsStart as AnswerKind
    const isQuery = question.parse === undefined
    const tagStart = isQuery ? rowsStart : this.#passRows(rowsStart)
    if (tagStart < 0) return tagStart as AnswerKind
    const tagEnd = this.#passTag(tagStart, isQuery)
    if (tagEnd < 0) return tagEnd as AnswerKind
    const last = guardKind(question.begin) === 'run' ? this.#passCommand(tagEnd) : tagEnd
    if (last < 0) return last as AnswerKind
    const next = this.#next(last, READY_FOR_QUERY)
    if (next < 0) return next as AnswerKind
    const status = bytes[next - 1]!
    if (next !== end || next !== last + HEADER_BYTES + 1 || !STATUSES.has(status)) return ANSWER.other
    this.rowsStart = rowsStart
    this.rowsEnd = tagStart
    this.transactionStatus = status
    this.tag = this.#tagOf(tagStart, tagEnd)
    return ANSWER.whole
  }

  /** Steps over the messages before the rows. */
  #passStart({ begin, closing, parse, describes }: Question): number {
    let position = 0
    for (let i = 0; i < closing.length && position >= 0; i++) position = this.#next(position, CLOSE_COMPLETE)
    if (begin !== null && position >= 0) position = this.#passCommand(position)
    if (parse === undefined || position < 0) return position
    if (parse !== null) position = this.#next(position, PARSE_COMPLETE)
    if (position >= 0) position = this.#next(position, BIND_COMPLETE)
    if (describes !== undefined && position >= 0) position = this.#passDescription(position)
    this.#descriptionEnd = position
    if (position < 0 || guardKind(begin) !== 'bind') return position
    position = this.#passCommand(position)
    return position < 0 ? position : this.#next(position, CLOSE_COMPLETE)
  }

  #passDescription(start: number): number {
    this.#descriptionStart = start
    const parameters = this.#next(start, PARAMETER_DESCRIPTION)
    if (parameters === ANSWER.incomplete) return parameters
    const position = parameters < 0 ? start : parameters
    const next = this.#next(position, ROW_DESCRIPTION)
    return next === ANSWER.other ? this.#next(position, NO_DATA) : next
  }

  /** Reads the description, if the request asked for one. Call it after `read`, while the bytes are unchanged. */
  description(): Description {
    const bytes = this.#bytes
    const body = this.#body
    let position = this.#descriptionStart
    let parameterTypes: readonly number[] | null = null
    if (bytes[position] === PARAMETER_DESCRIPTION) {
      const next = nextMessage(bytes, position, this.#descriptionEnd)
      body.reset(bytes, position + HEADER_BYTES, next)
      parameterTypes = readParameterDescription(body)
      position = next
    }
    if (bytes[position] !== ROW_DESCRIPTION) return { parameterTypes, columns: null }
    body.reset(bytes, position + HEADER_BYTES, this.#descriptionEnd)
    return { parameterTypes, columns: readRowDescription(body) }
  }

  /** Steps over the answer to a command that was sent as the unnamed statement. */
  #passCommand(start: number): number {
    let position = this.#next(start, PARSE_COMPLETE)
    if (position >= 0) position = this.#next(position, BIND_COMPLETE)
    return position < 0 ? position : this.#next(position, COMMAND_COMPLETE)
  }

  #passRows(start: number): number {
    let position = start
    for (;;) {
      const next = this.#next(position, DATA_ROW)
      if (next < 0) return next === ANSWER.incomplete ? next : position
      position = next
    }
  }

  #passTag(position: number, isQuery: boolean): number {
    switch (this.#bytes[position]) {
      case PORTAL_SUSPENDED:
        return isQuery ? ANSWER.other : this.#next(position, PORTAL_SUSPENDED)
      case EMPTY_QUERY_RESPONSE:
        return this.#next(position, EMPTY_QUERY_RESPONSE)
      default:
        return this.#next(position, COMMAND_COMPLETE)
    }
  }

  #tagOf(start: number, end: number): string | null {
    switch (this.#bytes[start]) {
      case PORTAL_SUSPENDED:
        return null
      case EMPTY_QUERY_RESPONSE:
        return ''
      default:
        this.#body.reset(this.#bytes, start + HEADER_BYTES, end)
        return this.#tags.read(this.#body)
    }
  }

  /** @returns where the message at `position` ends; a negative `ANSWER` when it has another type or is incomplete */
  #next(position: number, tag: number): number {
    if (position >= this.#end) return ANSWER.incomplete
    if (this.#bytes[position] !== tag) return ANSWER.other
    const next = nextMessage(this.#bytes, position, this.#end)
    return next > this.#end ? ANSWER.incomplete : next
  }
}

/**
 * Reads the length of the message at `position`.
 * @returns where the message ends, which may be after `end`; a negative `ANSWER` when its length is incomplete or impossible
 */
export function nextMessage(bytes: Uint8Array, position: number, end: number): number {
  if (position + HEADER_BYTES > end) return ANSWER.incomplete
  const length = lengthWord(bytes, position + 1)
  return length < HEADER_BYTES - 1 ? ANSWER.other : position + 1 + length
}
