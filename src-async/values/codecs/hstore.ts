/**
 * `hstore`, for connections that ask for it. It is read as an object without a prototype, so that any key is only a key.
 * Objects, Maps and lists of pairs are written. Source of truth: contrib/hstore/hstore_io.c, hstore_send, hstore_out.
 */
import { isDate } from '../any-realm.ts'
import { DataError } from '../../errors/tree.ts'
import { expected, unreadable } from '../../errors/describe-value.ts'
import { requireText } from './text.ts'
import { leaveToServer, ownText } from '../text-for-server.ts'
import type { ByteReader } from '../../bytes/byte-reader.ts'
import type { ByteWriter } from '../../bytes/byte-writer.ts'
import type { Codec } from '../codec.ts'

export type HstoreValue = { readonly [key: string]: string | null }

export function hstoreCodec(name: string): Codec<HstoreValue> {
  return {
    name,
    format: 1,
    encode(out, value) {
      encodeHstore(out, pairsOf(value, name), name)
    },
    decode(input) {
      return decodeHstore(input, name)
    },
    decodeText(text) {
      return parseHstore(text, name)
    },
    encodeText(value) {
      const quote = (text: string): string => `"${text.replaceAll(/["\\]/g, '\\$&')}"`
      return (
        ownText(value, name) ??
        pairsOf(value, name)
          .map(([key, item]) => `${quote(key)}=>${item === null ? 'NULL' : quote(item)}`)
          .join(', ')
      )
    },
  }
}

function pairsOf(value: unknown, name: string): [string, string | null][] {
  if (typeof value === 'string') leaveToServer(value, name)
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || isDate(value)) {
    throw expected('an object, a Map or pairs', name, value)
  }
  const pairs: Iterable<unknown> = Symbol.iterator in value ? (value as Iterable<unknown>) : Object.entries(value)
  return Array.from(pairs, (pair) => {
    if (!Array.isArray(pair) || pair.length !== 2) throw expected('pairs of a key and a value', name, pair)
    const [key, item] = pair as unknown[]
    if (typeof key !== 'string') throw expected('a string as key', name, key)
    if (item !== null && typeof item !== 'string') throw expected('a string or null as value', name, item)
    requireText(key, name)
    if (item !== null) requireText(item, name)
    return [key, item]
  })
}

function encodeHstore(out: ByteWriter, pairs: readonly (readonly [string, string | null])[], name: string): void {
  // When a key occurs twice, the last one counts, as in an object.
  const unique = new Map(pairs)
  if (unique.size > 0x7fffffff) throw new DataError(`too many keys for ${name}`)
  out.int32(unique.size)
  for (const [key, item] of unique) {
    const keyAt = out.reserveInt32()
    out.utf8(key)
    out.patchLength(keyAt)
    if (item === null) {
      out.int32(-1)
      continue
    }
    const itemAt = out.reserveInt32()
    out.utf8(item)
    out.patchLength(itemAt)
  }
}

function decodeHstore(input: ByteReader, name: string): HstoreValue {
  const count = input.int32()
  // Each pair has at least its two lengths.
  if (count < 0 || count * 8 > input.remaining) {
    throw new DataError(`cannot read ${name}: ${count} pairs claimed in ${input.remaining} bytes`)
  }
  const found = emptyHstore()
  for (let i = 0; i < count; i += 1) {
    const key = readSized(input, name)
    if (key === null) throw new DataError(`cannot read ${name}: a key is NULL`)
    found[key] = readSized(input, name)
  }
  return found
}

function readSized(input: ByteReader, name: string): string | null {
  const length = input.int32()
  if (length === -1) return null
  if (length < 0 || length > input.remaining) throw new DataError(`cannot read ${name}: ${length} bytes claimed`)
  return input.utf8(length)
}

function emptyHstore(): { [key: string]: string | null } {
  return Object.create(null) as { [key: string]: string | null }
}

const PAIR = /\s*"((?:[^"\\]|\\.)*)"\s*=>\s*(?:"((?:[^"\\]|\\.)*)"|NULL)\s*(,|$)/gsuy

function parseHstore(text: string, name: string): HstoreValue {
  const found = emptyHstore()
  PAIR.lastIndex = 0
  while (PAIR.lastIndex < text.length) {
    const match = PAIR.exec(text)
    if (match === null) throw unreadable(name, text)
    const [, key = '', item] = match
    found[unescaped(key)] = item === undefined ? null : unescaped(item)
  }
  return found
}

function unescaped(text: string): string {
  return text.replaceAll(/\\(.)/gsu, '$1')
}
