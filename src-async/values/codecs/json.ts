/**
 * `json` and `jsonb`, parsed. Takes any JSON value; a JavaScript string is a JSON string. JSON text is written with
 * `Json(text, { raw: true })`. Source of truth: src/backend/utils/adt/json.c, jsonb.c (a version byte, 1, comes first).
 */
import { DataError } from '../../errors/tree.ts'
import { describeValue, expected } from '../../errors/describe-value.ts'
import { PgJson } from '../json.ts'
import { notJson } from '../require-json.ts'
import { requireText } from './text.ts'
import type { Codec } from '../codec.ts'

const JSONB_VERSION = 1

function toJsonText(value: unknown, typeName: string): string {
  if (value instanceof PgJson && value.isRaw) {
    if (typeof value.value !== 'string') throw expected('raw JSON text', typeName, value.value)
    requireText(value.value, typeName)
    return value.value
  }
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (error) {
    throw new DataError(`expected a JSON value for ${typeName}, got ${describeValue(value)}: ${messageOf(error)}`, {
      cause: error,
    })
  }
  if (text === undefined) throw expected('a JSON value', typeName, value)
  const fault = notJson(value instanceof PgJson ? value.value : value)
  if (fault !== null) throw new DataError(`expected a JSON value for ${typeName}, got ${fault}`)
  return text
}

function parse(text: string, typeName: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new DataError(`cannot read ${describeValue(text)} as ${typeName}: ${messageOf(error)}`, { cause: error })
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

export const json: Codec = {
  name: 'json',
  format: 1,
  takesArrays: true,
  encode(out, value) {
    out.utf8(toJsonText(value, 'json'))
  },
  encodeText(value) {
    return toJsonText(value, 'json')
  },
  decode(input, length) {
    return parse(input.utf8(length), 'json')
  },
  decodeText(text) {
    return parse(text, 'json')
  },
}

function requireVersion(version: number, typeName: string): void {
  if (version !== JSONB_VERSION) {
    throw new DataError(`cannot read ${typeName} of version ${version}; this client knows version ${JSONB_VERSION}`)
  }
}

export const jsonb: Codec = {
  name: 'jsonb',
  format: 1,
  takesArrays: true,
  encode(out, value) {
    out.uint8(JSONB_VERSION).utf8(toJsonText(value, 'jsonb'))
  },
  encodeText(value) {
    return toJsonText(value, 'jsonb')
  },
  decode(input, length) {
    requireVersion(input.uint8(), 'jsonb')
    return parse(input.utf8(length - 1), 'jsonb')
  },
  decodeText(text) {
    return parse(text, 'jsonb')
  },
}

/** With the form `'string'`, a string is JSON text, as it was read. Other values are written as usual. */
function ownJsonText(value: unknown, typeName: string): string {
  if (typeof value !== 'string') return toJsonText(value, typeName)
  requireText(value, typeName)
  return value
}

/** `types: { json: 'string' }`: reads the JSON as text. */
export const jsonAsString: Codec<string> = {
  name: 'json',
  format: 1,
  takesArrays: true,
  encode(out, value) {
    out.utf8(ownJsonText(value, 'json'))
  },
  encodeText(value) {
    return ownJsonText(value, 'json')
  },
  decode(input, length) {
    return input.utf8(length)
  },
  decodeText(text) {
    return text
  },
}

/** `types: { jsonb: 'string' }`: reads the JSON as text. */
export const jsonbAsString: Codec<string> = {
  name: 'jsonb',
  format: 1,
  takesArrays: true,
  encode(out, value) {
    out.uint8(JSONB_VERSION).utf8(ownJsonText(value, 'jsonb'))
  },
  encodeText(value) {
    return ownJsonText(value, 'jsonb')
  },
  decode(input, length) {
    requireVersion(input.uint8(), 'jsonb')
    return input.utf8(length - 1)
  },
  decodeText(text) {
    return text
  },
}

/** `jsonpath`: a version byte, then the text. */
export const jsonpath: Codec<string> = {
  name: 'jsonpath',
  format: 1,
  encode(out, value) {
    if (typeof value !== 'string') throw expected('a string', 'jsonpath', value)
    requireText(value, 'jsonpath')
    out.uint8(JSONB_VERSION).utf8(value)
  },
  decode(input, length) {
    requireVersion(input.uint8(), 'jsonpath')
    return input.utf8(length - 1)
  },
  decodeText(text) {
    return text
  },
}

/** `void`: the type of functions that return nothing. Their empty value is read as null. */
export const voidCodec: Codec<null> = {
  name: 'void',
  format: 1,
  encode() {},
  decode(input, length) {
    input.skip(length)
    return null
  },
  decodeText() {
    return null
  },
}
