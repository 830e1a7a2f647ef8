/**
 * The server's system types, as the text that the server prints: `name`, `pg_lsn`, `xid8`, `tid`, and the two vector types of the
 * catalogs. Source of truth: src/backend/utils/adt/pg_lsn.c, xid.c, tid.c, int.c.
 */
import { DataError } from '../../errors/tree.ts'
import { expected, unreadable } from '../../errors/describe-value.ts'
import { parseArrayText } from '../array-text.ts'
import { literalText } from '../literal-text.ts'
import { leaveToServer } from '../text-for-server.ts'
import { binaryName, encodeText, text, textFormatCodec } from './text.ts'
import type { Codec } from '../codec.ts'

/**
 * `name`. The server cuts a long one at 63 bytes when it comes as text, and refuses it when it comes in binary. The first runs
 * of a statement send text, so a name that may be too long always goes as text.
 */
export const name: Codec<string> = {
  ...binaryName,
  encode(out, value) {
    if (typeof value === 'string' && mayBeCut(value)) leaveToServer(value, 'name')
    binaryName.encode(out, value)
  },
}

/** Whether a name may have more than 63 bytes in the server's encoding, where a character has at most four. */
function mayBeCut(value: string): boolean {
  return value.length > 15 && !/^\p{ASCII}{16,63}$/u.test(value)
}

const UINT64_MAX = 2n ** 64n - 1n

export const xid8: Codec<string> = {
  name: 'xid8',
  format: 1,
  encode(out, value) {
    // A leading zero means octal in some versions, so the server reads such digits.
    const isWord = typeof value === 'string' && /^(?:0|[1-9]\d{0,19})$/.test(value)
    if (typeof value === 'string' && !isWord) leaveToServer(value, 'xid8')
    const isCount = typeof value === 'number' && Number.isSafeInteger(value)
    if (!isWord && !isCount && typeof value !== 'bigint') throw expected('a transaction number', 'xid8', value)
    const id = BigInt(value as string | number | bigint)
    if (id < 0n || id > UINT64_MAX) throw new DataError('the transaction number is out of range for xid8')
    out.int64(BigInt.asIntN(64, id))
  },
  decode(input) {
    return String(input.uint64())
  },
  decodeText(text) {
    return text
  },
}

/** `pg_lsn`: a position in the write-ahead log, `16/B374D848`. */
export const pgLsn: Codec<string> = {
  name: 'pg_lsn',
  format: 1,
  encode(out, value) {
    if (typeof value === 'bigint' && value >= 0n && value <= UINT64_MAX) return void out.int64(BigInt.asIntN(64, value))
    const match = typeof value === 'string' ? /^([0-9a-f]{1,8})\/([0-9a-f]{1,8})$/i.exec(value) : null
    if (typeof value === 'string' && match === null) leaveToServer(value, 'pg_lsn')
    if (match === null) throw expected('a log position such as 16/B374D848', 'pg_lsn', value)
    out.uint32(Number.parseInt(match[1]!, 16)).uint32(Number.parseInt(match[2]!, 16))
  },
  decode(input) {
    const high = input.uint32().toString(16).toUpperCase()
    return `${high}/${input.uint32().toString(16).toUpperCase()}`
  },
  decodeText(text) {
    return text
  },
}

/** `tid`: the place of a row in its table, `(block,offset)`. */
export const tid: Codec<string> = {
  name: 'tid',
  format: 1,
  encode(out, value) {
    const match = typeof value === 'string' ? /^\((\d{1,10}),(\d{1,5})\)$/.exec(value) : null
    const block = Number(match?.[1])
    const offset = Number(match?.[2])
    if (typeof value === 'string' && match === null) leaveToServer(value, 'tid')
    if (match === null || block > 0xffffffff || offset > 0xffff)
      throw expected('a row position such as (0,1)', 'tid', value)
    out.uint32(block).int16(offset)
  },
  decode(input) {
    const block = input.uint32()
    return `(${block},${input.uint16()})`
  },
  decodeText(text) {
    return text
  },
}

/**
 * `int2vector` and `oidvector`: arrays whose text has blanks and no braces. They use the text format, because the server
 * does not accept an empty one in binary.
 */
export function vectorCodec(name: string, array: Codec<unknown[]>, element: Codec): Codec<unknown[]> {
  const decodeText = (text: string): unknown[] => {
    if (text === '') return []
    if (!/^-?\d+( -?\d+)*$/.test(text)) throw unreadable(name, text)
    return text.split(' ').map((word) => element.decodeText(word))
  }
  return {
    name,
    format: 0,
    takesArrays: true,
    encode(out, value) {
      if (typeof value === 'string') return void encodeText(out, value, name)
      if (!Array.isArray(value)) throw expected('an array', name, value)
      out.utf8(value.map((item) => literalText(element, item)).join(' '))
    },
    decode: (input, length) => decodeText(input.utf8(length)),
    decodeText,
    decodeBinary: (input, length) => array.decode(input, length),
  }
}

/**
 * `anyarray`, the type of some columns in `pg_statistic`, `pg_stats` and `pg_attribute`: read as the text of each element.
 * The binary format would name the element's type, but the server refuses it for a type without one, such as `aclitem`.
 */
export const anyArray: Codec<unknown[]> = {
  name: 'anyarray',
  format: 0,
  encode(_out, value) {
    throw expected('a value of a real array type', 'anyarray', value)
  },
  decode(input, length) {
    return parseArrayText(input.utf8(length), ',', text)
  },
  decodeText(literal) {
    return parseArrayText(literal, ',', text)
  },
}

/** `regclass` and the like, as names. A record contains only the OID, which the server accepts in place of the name. */
export function regCodec(name: string): Codec<string> {
  return { ...textFormatCodec(name), decodeBinary: (input) => String(input.uint32()) }
}

/** `pg_snapshot`: `xmin:xmax:xip,xip`. */
export function snapshotCodec(name: string): Codec<string> {
  return {
    ...textFormatCodec(name),
    decodeBinary(input) {
      const count = input.int32()
      const ends = `${input.uint64()}:${input.uint64()}`
      if (count < 0 || count * 8 > input.remaining) {
        throw new DataError(`cannot read ${name}: ${count} transactions claimed in ${input.remaining} bytes`)
      }
      return `${ends}:${Array.from({ length: count }, () => String(input.uint64())).join(',')}`
    },
  }
}
