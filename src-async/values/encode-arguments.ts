/**
 * Writes the arguments of one execution: the Bind message after its two names. Strict about types and counts, because
 * what is refused here costs nothing and aborts no transaction. The hot loop allocates nothing.
 * Source of truth: PostgreSQL manual, "Message Formats", Bind.
 */
import { DataError, ProgrammingError, type ErrorDetails } from '../errors/tree.ts'
import { expected } from './describe-value.ts'
import { type ListCode, type SlowWay, listCode } from './list-code.ts'
import { TEXT_OID } from './oids.ts'
import { suggestedType } from './suggested-type.ts'
import { converted } from './to-postgres.ts'
import { ByteWriter } from '../bytes/byte-writer.ts'
import { keepClass } from '../bytes/keep-class.ts'
import type { Statement } from './statement.ts'

const MOST_PARAMETERS = 65535

/** What of a statement its arguments are encoded by. */
type ParameterList = Pick<Statement, 'parameterCodecs' | 'parameterTypes' | 'bindHead' | 'bindTail'>

/** Which element of a batch is being encoded, for messages. */
export interface EncodeContext {
  readonly element?: number
}

/**
 * Writes parameter formats, parameters and result formats.
 * @throws ProgrammingError for a wrong count or an undefined value, DataError for a value that does not fit its type;
 *   the writer is then as it was.
 */
export function encodeArguments(
  out: ByteWriter,
  statement: ParameterList,
  values: readonly unknown[],
  context?: EncodeContext,
): void {
  const codecs = statement.parameterCodecs
  const count = codecs.length
  if (values.length !== count) throw wrongCount(count, values.length, context)
  const start = out.length
  let i = 0
  try {
    out.bytes(statement.bindHead)
    for (; i < count; i += 1) writeArgument(out, statement, i, values[i], context)
    out.bytes(statement.bindTail)
  } catch (error) {
    out.truncate(start)
    throw named(error, i, statement, values[i], context)
  }
}

function writeArgument(
  out: ByteWriter,
  statement: ParameterList,
  index: number,
  given: unknown,
  context: EncodeContext | undefined,
): void {
  const value = typeof given === 'object' ? converted(given, statement.parameterTypes[index]!) : given
  if (value === null) {
    out.int32(-1)
    return
  }
  if (value === undefined) throw undefinedValue(index, context)
  const lengthAt = out.reserveInt32()
  statement.parameterCodecs[index]!.encode(out, value)
  out.patchLength(lengthAt)
}

/** Elements to encode before code is generated: a short batch would not earn it back. */
const ELEMENTS_BEFORE_GENERATION = 32

/** The same for the elements of a batch, one after another: with code made for them when there are many. */
export class ElementEncoder implements SlowWay {
  readonly #out: ByteWriter
  readonly #statement: ParameterList
  #code: ListCode | null = null
  #element = 0

  constructor(out: ByteWriter, statement: ParameterList) {
    this.#out = out
    this.#statement = statement
  }

  /** Writes the next element. @throws as `encodeArguments`, naming the element. */
  encode(values: readonly unknown[]): void {
    const out = this.#out
    const code = this.#code
    if (code === null || values.length !== this.#statement.parameterCodecs.length) {
      encodeArguments(out, this.#statement, values, { element: this.#element })
    } else {
      const start = out.length
      try {
        code(out, values, this)
      } catch (error) {
        out.truncate(start)
        throw error
      }
    }
    this.#element += 1
    if (this.#element === ELEMENTS_BEFORE_GENERATION) this.#code = this.#generate()
  }

  /** For generated code. */
  writeValue(index: number, value: unknown): void {
    const context = { element: this.#element }
    try {
      writeArgument(this.#out, this.#statement, index, value, context)
    } catch (error) {
      throw named(error, index, this.#statement, value, context)
    }
  }

  #generate(): ListCode | null {
    const { parameterCodecs, bindHead, bindTail } = this.#statement
    return listCode(parameterCodecs, { head: bindHead, tail: bindTail })
  }
}

const NO_BYTES = new Uint8Array(0)
const NO_PARAMETERS = { parameterCodecs: [], parameterTypes: [], bindHead: NO_BYTES, bindTail: NO_BYTES }
keepClass(new ElementEncoder(new ByteWriter(0), NO_PARAMETERS))

function where(context: EncodeContext | undefined): string {
  return context?.element === undefined ? '' : `element #${context.element} of executemany: `
}

function detailsOf(context: EncodeContext | undefined): ErrorDetails {
  return context?.element === undefined ? {} : { batchIndex: context.element }
}

function wrongCount(wanted: number, passed: number, context: EncodeContext | undefined): ProgrammingError {
  if (passed > MOST_PARAMETERS) {
    return new ProgrammingError(
      `${where(context)}${passed} arguments were passed; a statement takes ${MOST_PARAMETERS} at most. Pass arrays, or COPY`,
      detailsOf(context),
    )
  }
  const expects = wanted === 1 ? '1 argument' : `${wanted} arguments`
  return new ProgrammingError(
    `${where(context)}the server expects ${expects} for this query, ${passed} ${passed === 1 ? 'was' : 'were'} passed`,
    detailsOf(context),
  )
}

function undefinedValue(index: number, context: EncodeContext | undefined): ProgrammingError {
  return new ProgrammingError(`${where(context)}parameter ${index + 1} is undefined; use null`, detailsOf(context))
}

/** Adds which argument it was. Errors of a user's own conversion or codec pass unchanged, being the user's. */
function named(
  error: unknown,
  index: number,
  statement: ParameterList,
  value: unknown,
  context: EncodeContext | undefined,
): unknown {
  if (error instanceof ProgrammingError) return error
  const prefix = `${where(context)}query argument $${index + 1}: `
  const details = { ...detailsOf(context), cause: error }
  if (error instanceof DataError) return new DataError(prefix + error.message, details)
  const codec = statement.parameterCodecs[index]
  if (codec === undefined) return error
  const reason = error instanceof Error ? error.message : String(error)
  return new DataError(`${prefix}${expected('a value', codec.name, value).message}: ${reason}`, details)
}

/**
 * The types to declare instead of the server's, where it inferred `text` for a value that is none. Without this the
 * first thing typed in a REPL, `select $1` with 42, would fail.
 * @returns null when nothing changes; else one OID for each of `serverTypes`.
 */
export function deriveParameterTypes(values: readonly unknown[], serverTypes: readonly number[]): number[] | null {
  let derived: number[] | null = null
  for (let i = 0; i < serverTypes.length; i += 1) {
    if (serverTypes[i] !== TEXT_OID) continue
    const oid = suggestedType(values[i])
    if (oid === null || oid === TEXT_OID) continue
    derived ??= [...serverTypes]
    derived[i] = oid
  }
  return derived
}
