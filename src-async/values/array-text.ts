/**
 * Array literals, `{1,2,{…}}`: reads those that the server prints, and writes arrays whose element has no binary form.
 * Handles quotes, backslashes, NULL, explicit bounds and any delimiter.
 * Source of truth: PostgreSQL manual, "Array Input and Output Syntax"; src/backend/utils/adt/arrayfuncs.c.
 */
import { DataError } from '../errors/tree.ts'
import { describeValue, expected } from '../errors/describe-value.ts'
import { literalText } from './literal-text.ts'
import { converted } from './to-postgres.ts'
import type { Codec } from './codec.ts'

const MOST_DIMENSIONS = 6

/** Reads an array literal. @throws DataError when the text is not one. */
export function parseArrayText(text: string, delimiter: string, element: Codec): unknown[] {
  const start = text.startsWith('[') ? text.indexOf('=') + 1 : 0
  const parser = new ArrayTextParser(text, start, delimiter, element)
  return parser.parse()
}

class ArrayTextParser {
  readonly #text: string
  readonly #delimiter: string
  readonly #element: Codec
  #position: number

  constructor(text: string, start: number, delimiter: string, element: Codec) {
    this.#text = text
    this.#position = start
    this.#delimiter = delimiter
    this.#element = element
  }

  parse(): unknown[] {
    this.#skipSpace()
    const list = this.#list(1)
    this.#skipSpace()
    if (this.#position !== this.#text.length) throw this.#malformed()
    return list
  }

  #list(depth: number): unknown[] {
    if (this.#text[this.#position] !== '{' || depth > MOST_DIMENSIONS) throw this.#malformed()
    this.#position += 1
    const list: unknown[] = []
    this.#skipSpace()
    if (this.#text[this.#position] === '}') {
      this.#position += 1
      return list
    }
    for (;;) {
      this.#skipSpace()
      list.push(this.#text[this.#position] === '{' ? this.#list(depth + 1) : this.#item())
      this.#skipSpace()
      const next = this.#text[this.#position]
      this.#position += 1
      if (next === '}') return list
      if (next !== this.#delimiter) throw this.#malformed()
    }
  }

  #item(): unknown {
    if (this.#text[this.#position] === '"') return this.#element.decodeText(this.#quoted())
    const start = this.#position
    let isEscaped = false
    for (; this.#position < this.#text.length; this.#position += 1) {
      const character = this.#text[this.#position]
      if (character === this.#delimiter || character === '}' || character === '{' || character === '"') break
      if (character === '\\') {
        isEscaped = true
        this.#position += 1
      }
    }
    const raw = this.#text.slice(start, this.#position).trimEnd()
    if (raw === '') throw this.#malformed()
    if (raw.toUpperCase() === 'NULL') return null
    return this.#element.decodeText(isEscaped ? raw.replace(/\\(.)/gs, '$1') : raw)
  }

  #quoted(): string {
    let out = ''
    let start = this.#position + 1
    for (let i = start; i < this.#text.length; i += 1) {
      const code = this.#text.charCodeAt(i)
      if (code === 0x22) {
        this.#position = i + 1
        return out + this.#text.slice(start, i)
      }
      if (code === 0x5c) {
        out += this.#text.slice(start, i)
        i += 1
        start = i
      }
    }
    throw this.#malformed()
  }

  #skipSpace(): void {
    while (/\s/.test(this.#text[this.#position] ?? '')) this.#position += 1
  }

  #malformed(): DataError {
    const what = describeValue(this.#text)
    return new DataError(`cannot read ${what} as ${this.#element.name}[]: malformed at character ${this.#position + 1}`)
  }
}

/**
 * Whether a value is a dimension of an array: an array, or a typed array of numbers unless the element takes bytes. A Buffer
 * is bytes, not a list of small integers.
 */
export function isList(value: unknown, element: Codec): value is ArrayLike<unknown> {
  if (Array.isArray(value)) return true
  if (element.takesBytes === true) return false
  return ArrayBuffer.isView(value) && !(value instanceof DataView) && !Buffer.isBuffer(value)
}

/** The array literal of a value. @throws DataError */
export function arrayText(value: unknown, element: Codec, elementOid: number, delimiter: string): string {
  if (!isList(value, element)) throw expected('an array', `${element.name}[]`, value)
  const write = (list: ArrayLike<unknown>, depth: number): string => {
    if (depth > MOST_DIMENSIONS) throw new DataError(`an array has more than ${MOST_DIMENSIONS} dimensions`)
    const items: string[] = []
    for (let i = 0; i < list.length; i += 1) {
      const item = list[i]
      if (item === undefined) throw new DataError(`array element [${i}] is undefined; use null`)
      if (item === null) items.push('NULL')
      else if (element.takesArrays !== true && isList(item, element)) items.push(write(item, depth + 1))
      else items.push(quoteElement(elementText(item, i, element, elementOid)))
    }
    return `{${items.join(delimiter)}}`
  }
  if (element.takesArrays !== true) requireRectangle(value, element)
  return write(value, 1)
}

function requireRectangle(list: ArrayLike<unknown>, element: Codec): void {
  const first = list[0]
  for (let i = 0; i < list.length; i += 1) {
    const item = list[i]
    if (isList(item, element) !== isList(first, element)) throw new DataError('an array mixes arrays and other values')
    if (!isList(item, element) || !isList(first, element)) continue
    if (item.length !== first.length) {
      throw new DataError(
        `nested arrays differ in length: ${first.length} and ${item.length}; a PostgreSQL array is a rectangle`,
      )
    }
    requireRectangle(item, element)
  }
}

function elementText(value: unknown, index: number, element: Codec, elementOid: number): string {
  try {
    const item = converted(value, elementOid)
    if (item === null || item === undefined) throw expected('a value', element.name, item)
    return literalText(element, item)
  } catch (error) {
    if (!(error instanceof DataError)) throw error
    throw new DataError(`array element [${index}]: ${error.message}`, { cause: error })
  }
}

/** Quotes an element. PostgreSQL allows some without quotes, but quoting all of them is simpler and always right. */
function quoteElement(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}
