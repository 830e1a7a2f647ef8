/**
 * `bytea`. A value that is read is a copy, because the batch it arrived in is reused, and a view would keep all of it in
 * memory. Any view or buffer can be written. A string is what the server's input function reads: `\x6162`, or escapes.
 * Source of truth: src/backend/utils/adt/varlena.c, byteaout.
 */
import { expected, unreadable } from '../../errors/describe-value.ts'
import { leaveToServer } from '../text-for-server.ts'
import type { Codec } from '../codec.ts'

/** The bytes of any view or buffer, without a copy; null for other values. */
export function asBytes(value: unknown): Uint8Array | null {
  if (value instanceof Uint8Array) return value
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return new Uint8Array(value)
  return null
}

export const bytea: Codec<Buffer> = {
  name: 'bytea',
  format: 1,
  takesBytes: true,
  encode(out, value) {
    if (typeof value === 'string') leaveToServer(value, 'bytea')
    const bytes = asBytes(value)
    if (bytes === null) throw expected('a Buffer, Uint8Array or ArrayBuffer', 'bytea', value)
    out.bytes(bytes)
  },
  decode(input, length) {
    return input.copy(length)
  },
  decodeText(text) {
    return text.startsWith('\\x') ? parseHex(text) : parseEscaped(text)
  },
}

function parseHex(text: string): Buffer {
  const out = Buffer.allocUnsafeSlow((text.length - 2) >> 1)
  if (text.length % 2 !== 0 || out.write(text.slice(2), 'hex') !== out.length) throw unreadable('bytea', text)
  return out
}

/** Reads the format of `bytea_output = escape`: printable bytes as they are, `\\` for a backslash, `\nnn` for others. */
function parseEscaped(text: string): Buffer {
  const out = Buffer.allocUnsafeSlow(text.length)
  let length = 0
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i)
    if (code !== 0x5c) {
      if (code > 127) throw unreadable('bytea', text)
      out[length] = code
    } else if (text[i + 1] === '\\') {
      out[length] = code
      i += 1
    } else {
      const octal = text.slice(i + 1, i + 4)
      if (!/^[0-3][0-7]{2}$/.test(octal)) throw unreadable('bytea', text)
      out[length] = Number.parseInt(octal, 8)
      i += 3
    }
    length += 1
  }
  return Buffer.from(out.subarray(0, length))
}
