/**
 * Writes the arguments of one execution: the Bind message after its two names. Checks types and counts strictly, because an
 * error here is cheap and does not abort a transaction. The hot loop allocates nothing.
 * Source of truth: PostgreSQL manual, "Message Formats", Bind.
 */
import { printShort } from '../errors/failure.ts'
import { DataError, ProgrammingError, type ErrorDetails } from '../errors/tree.ts'
import { isDate } from './any-realm.ts'
import { expected } from '../errors/describe-value.ts'
import { type ListCode, type SlowWay, listCode } from './list-code.ts'
import { literalText } from './literal-text.ts'
import { TEXT_OID } from './oids.ts'
import { suggestedType } from './suggested-type.ts'
import { TEXT_FOR_SERVER } from './text-for-server.ts'
import { converted } from './to-postgres.ts'
import { isTextual, requireText } from './codecs/text.ts'
import { ByteWriter } from '../bytes/byte-writer.ts'
import { keepClass } from '../bytes/keep-class.ts'
import { TextValues } from './text-values.ts'
import type { BindForm } from './statement.ts'

const MOST_PARAMETERS = 65535
const TEXT_ARRAY_OID = 1009

/** PostgreSQL's code for a parameter in text format. */
const TEXT_FORMAT = 0

/** The part of a statement that the encoding of its arguments needs. */
type ParameterList = Omit<BindForm, 'textCodecs' | 'textBindHead' | 'columnCodecs'>

/** Which element of a batch is being encoded, for messages. */
export interface EncodeContext {
  readonly element: number
  /** The method that the program called. */
  readonly method: string
}

/**
 * Writes parameter formats, parameters and result formats. Normally each value travels in the format of its type. When one is
 * a string that only the server can read, all are written again, with that one in text format.
 * @throws ProgrammingError for a wrong count or an undefined value, DataError for a value that does not fit its type; the
 *   writer is then unchanged.
 */
export function encodeArguments(
  out: ByteWriter,
  statement: BindForm,
  values: readonly unknown[],
  context?: EncodeContext,
): void {
  const count = statement.parameterCodecs.length
  if (values.length !== count) throw wrongCount(count, values.length, context)
  if (values instanceof TextValues) encodeWithText(out, textForm(statement), values, context, true)
  else encodeTyped(out, statement, values, context)
}

/** The parameter list for values that mean text. */
function textForm({ parameterTypes, textCodecs, textBindHead, bindTail }: BindForm): ParameterList {
  return { parameterTypes, parameterCodecs: textCodecs, bindHead: textBindHead, bindTail }
}

function encodeTyped(
  out: ByteWriter,
  statement: ParameterList,
  values: readonly unknown[],
  context: EncodeContext | undefined,
): void {
  const count = statement.parameterCodecs.length
  const start = out.length
  let i = 0
  try {
    out.bytes(statement.bindHead)
    for (; i < count; i += 1) writeArgument(out, statement, i, values[i], context)
    out.bytes(statement.bindTail)
  } catch (error) {
    out.truncate(start)
    if (error === TEXT_FOR_SERVER) encodeWithText(out, statement, values, context)
    else throw named(error, i, statement, values[i], context)
  }
}

/**
 * `encodeArguments` when some values travel as text: each parameter has its own format code.
 * @param isText whether every string travels as text, because the values mean text; this avoids a throw for each
 * @returns whether any value did; if none, all are written in their usual formats.
 */
function encodeWithText(
  out: ByteWriter,
  statement: ParameterList,
  values: readonly unknown[],
  context: EncodeContext | undefined,
  isText = false,
): boolean {
  const { parameterCodecs } = statement
  const start = out.length
  let hasText = false
  let i = 0
  try {
    out.int16(parameterCodecs.length)
    const formatsAt = out.length
    for (const { format } of parameterCodecs) out.int16(format)
    out.int16(parameterCodecs.length)
    for (; i < parameterCodecs.length; i += 1) {
      const valueAt = out.length
      const value = values[i]
      if (isText && typeof value === 'string') {
        out.patchInt16(formatsAt + i * 2, TEXT_FORMAT)
        requireText(value, parameterCodecs[i]!.name)
        const lengthAt = out.reserveInt32()
        out.utf8(value)
        out.patchLength(lengthAt)
        hasText = true
        continue
      }
      try {
        writeArgument(out, statement, i, value, context)
      } catch (error) {
        if (error !== TEXT_FOR_SERVER) throw error
        out.truncate(valueAt)
        out.patchInt16(formatsAt + i * 2, TEXT_FORMAT)
        writeAsText(out, statement, i, value)
        hasText = true
      }
    }
    out.bytes(statement.bindTail)
    if (hasText) return true
    out.truncate(start)
    encodeTyped(out, statement, values, context)
    return false
  } catch (error) {
    out.truncate(start)
    throw named(error, i, statement, values[i], context)
  }
}

function writeAsText(out: ByteWriter, statement: ParameterList, index: number, given: unknown): void {
  const value = converted(given, statement.parameterTypes[index]!)
  const lengthAt = out.reserveInt32()
  out.utf8(literalText(statement.parameterCodecs[index]!, value))
  out.patchLength(lengthAt)
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

/** Code is generated only after this many elements, because a short batch would not save the time that it costs. */
const ELEMENTS_BEFORE_GENERATION = 32

/** Encodes the elements of a batch one after another; generates code for them when there are many. */
export class ElementEncoder implements SlowWay, EncodeContext {
  readonly #out: ByteWriter
  readonly #statement: BindForm
  readonly method: string
  /** The number of the next element. */
  element = 0
  #code: ListCode | null = null
  /** Whether an element had a string that only the server reads; then the next one probably has, too. */
  #hasText = false

  /** @param method the method that the program called, for messages */
  constructor(out: ByteWriter, statement: BindForm, method: string) {
    this.method = method
    this.#out = out
    this.#statement = statement
  }

  /** Writes the next element. @throws the errors of `encodeArguments`, with the element's number. */
  encode(values: readonly unknown[]): void {
    const out = this.#out
    const code = this.#code
    const isUsual = values.length === this.#statement.parameterCodecs.length && !(values instanceof TextValues)
    if (code === null || !isUsual) {
      encodeArguments(out, this.#statement, values, this)
    } else {
      const start = out.length
      try {
        if (!this.#hasText) code(out, values, this)
        else if (!encodeWithText(out, this.#statement, values, this)) this.#hasText = false
      } catch (error) {
        out.truncate(start)
        if (error !== TEXT_FOR_SERVER) throw error
        this.#hasText = encodeWithText(out, this.#statement, values, this)
      }
    }
    this.element += 1
    if (this.element === ELEMENTS_BEFORE_GENERATION) this.#code = this.#generate()
  }

  /** Called by the generated code. */
  writeValue(index: number, value: unknown): void {
    try {
      writeArgument(this.#out, this.#statement, index, value, this)
    } catch (error) {
      throw named(error, index, this.#statement, value, this)
    }
  }

  #generate(): ListCode | null {
    const { parameterCodecs, bindHead, bindTail } = this.#statement
    return listCode(parameterCodecs, { head: bindHead, tail: bindTail })
  }
}

const NO_BYTES = new Uint8Array(0)
const NO_PARAMETERS = {
  parameterCodecs: [],
  textCodecs: [],
  columnCodecs: [],
  parameterTypes: [],
  bindHead: NO_BYTES,
  textBindHead: NO_BYTES,
  bindTail: NO_BYTES,
}
keepClass(new ElementEncoder(new ByteWriter(0), NO_PARAMETERS, 'executemany'))

function where(context: EncodeContext | undefined): string {
  return context === undefined ? '' : `element #${context.element} of ${context.method}: `
}

function detailsOf(context: EncodeContext | undefined): ErrorDetails {
  return context === undefined ? {} : { batchIndex: context.element }
}

function wrongCount(wanted: number, passed: number, context: EncodeContext | undefined): ProgrammingError {
  if (passed > MOST_PARAMETERS) {
    return new ProgrammingError(
      `${where(context)}${passed} arguments were passed; a statement takes ${MOST_PARAMETERS} at most. Pass arrays, or use COPY`,
      detailsOf(context),
    )
  }
  // Statements that create, alter or drop something take no parameters, and the server's error does not say so.
  const hint =
    wanted === 0
      ? {
          hint: "statements such as create and alter take no parameters: write the value into the text with format('… %L', value)",
        }
      : {}
  const expects = wanted === 1 ? '1 argument' : `${wanted} arguments`
  return new ProgrammingError(
    `${where(context)}the server expects ${expects} for this query, ${passed} ${passed === 1 ? 'was' : 'were'} passed`,
    { ...detailsOf(context), ...hint },
  )
}

function undefinedValue(index: number, context: EncodeContext | undefined): ProgrammingError {
  return new ProgrammingError(`${where(context)}parameter ${index + 1} is undefined; use null`, detailsOf(context))
}

const OBJECT_HINT = 'the server expects text here: for JSON write $1::jsonb, or pass JSON.stringify(value)'
const LIST_HINT = 'the server expects one value here: in place of x in (…) write x = any(…), and pass the array'

/** For an array or an object where one value is expected. */
function containerHint(message: string): { readonly hint?: string } {
  if (/^expected .* got an array\b/.test(message)) return { hint: LIST_HINT }
  if (/^expected a string for text, got (?:a plain object|an object of class PgJson)\b/.test(message))
    return { hint: OBJECT_HINT }
  return {}
}

/** Adds the number of the argument to an error. Errors of a user's own conversion or codec pass unchanged. */
function named(
  error: unknown,
  index: number,
  statement: ParameterList,
  value: unknown,
  context: EncodeContext | undefined,
): unknown {
  if (error instanceof ProgrammingError || error === TEXT_FOR_SERVER) return error
  const prefix = `${where(context)}query argument $${index + 1}: `
  const details = { ...detailsOf(context), cause: error }
  if (error instanceof DataError) {
    // The new error contains the same message, and the frames of the old one are only the driver's.
    printShort(error)
    return new DataError(prefix + error.message, { ...details, ...containerHint(error.primaryMessage) })
  }
  const codec = statement.parameterCodecs[index]
  if (codec === undefined) return error
  const reason = error instanceof Error ? error.message : String(error)
  return new DataError(`${prefix}${expected('a value', codec.name, value).message}: ${reason}`, details)
}

/**
 * The types to declare where the server inferred `text` for a value of another type. Without this, the first thing typed in a
 * REPL, `select $1` with 42, would return a string.
 * @param mayGuess whether a type may be declared for the parameter of that number although its value could go as text
 * @returns one OID for each of `serverTypes`; null when nothing changes.
 */
export function deriveParameterTypes(
  values: readonly unknown[],
  serverTypes: readonly number[],
  sql = '',
  mayGuess: (parameter: number) => boolean = () => true,
): number[] | null {
  let derived: number[] | null = null
  for (let i = 0; i < serverTypes.length; i += 1) {
    if (serverTypes[i] !== TEXT_OID && (serverTypes[i] !== TEXT_ARRAY_OID || isListOfText(values[i]))) continue
    const oid = suggestedType(values[i])
    if (oid === null || oid === serverTypes[i]) continue
    // The server would cast bytes to '\x61' and lists to '{a}'. Where the SQL says text, the codec of text refuses them.
    if (!isTextual(values[i]) && isCastAt(sql, i + 1)) continue
    // The server would print an instant in the session's zone. The text codec prints it in UTC, as for a text column.
    if (isDate(values[i]) && (isCastAt(sql, i + 1) || isJoinedAt(sql, i + 1))) continue
    if (hasText(values[i]) && !mayGuess(i + 1)) continue
    derived ??= [...serverTypes]
    derived[i] = oid
  }
  return derived
}

/** Whether the value has a text form that a text parameter accepts. */
function hasText(value: unknown): boolean {
  return typeof value !== 'object' || isTextual(value)
}

/** Whether an array contains text. Only the first value is checked, because an array may be long. */
function isListOfText(value: unknown): boolean {
  if (!Array.isArray(value)) return true
  const first: unknown = value.find((item) => item !== null)
  return typeof first === 'string' || first === undefined
}

/** Whether `$n` is joined to other text: `'at ' || $1`. */
function isJoinedAt(sql: string, number: number): boolean {
  return new RegExp(`\\|\\|\\s*\\$${number}(?!\\d)|\\$${number}\\s*\\|\\|`).test(sql)
}

/** Whether the SQL gives `$n` a type: `$1::text`, `cast($1 as text)`. `$1 as name` does not. */
function isCastAt(sql: string, number: number): boolean {
  return new RegExp(`\\$${number}\\s*::|\\bcast\\s*\\(\\s*\\$${number}\\s+as\\b`, 'i').test(sql)
}
