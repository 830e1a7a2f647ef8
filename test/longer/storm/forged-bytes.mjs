/**
 * Values whose bytes look like messages of the server. A reader that begins in the middle of a value, or a second reader of
 * the same socket, finds whole messages there, and the call returns a row that nobody has asked for. Message format:
 * PostgreSQL manual, "Message Formats".
 */

import { Random, seedOf } from './random.mjs'

/** How many values are kept on the server, for answers that are larger than their requests. */
const STORED_VALUES = 64
/** Sizes at which a value takes another way through the channel: of a read, of a request, of the fast path. */
const SIZES = [0, 5, 100, 4096, 16_384, 65_536, 320 * 1024]
/** How often each size comes. Large values cost much more time than small ones. */
const SIZE_WEIGHTS = [10, 20, 40, 12, 10, 3, 1]
const SIZE_DECK = SIZES.flatMap((size, index) => Array.from({ length: SIZE_WEIGHTS[index] }, () => size))
/** The size of a message header, a column count and the length of a value. A boundary may be off by this much. */
const MOST_OFF = 64
const POOL_BYTES = 1 << 20
/** The number in a forged row. No call asks for it. */
const FORGED_NUMBER = 0x0bad_f00d

function message(letter, ...parts) {
  const body = Buffer.concat(parts)
  const head = Buffer.alloc(5, letter)
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

const int16 = (value) => Buffer.from([(value >> 8) & 255, value & 255])

function int32(value) {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

const text = (value) => Buffer.from(`${value}\0`)
const column = (bytes) => Buffer.concat([int32(bytes.length), bytes])

function dataRow(random) {
  const number = column(int32(FORGED_NUMBER))
  const value = column(Buffer.alloc(random.below(24), 'forged'))
  const columns = random.pick([[number], [number, value], [value], [number, int32(-1)]])
  return message('D', int16(columns.length), ...columns)
}

function errorResponse(random) {
  const sqlstate = random.pick(['57014', '57P01', '22012', '40001'])
  const fields = [text('SERROR'), text('VERROR'), text(`C${sqlstate}`), text('Mforged'), Buffer.alloc(1)]
  return message('E', ...fields)
}

function oneMessage(random) {
  switch (random.below(10)) {
    case 0:
    case 1:
    case 2:
      return dataRow(random)
    case 3:
    case 4:
      return message('C', text(random.pick(['SELECT 1', 'COMMIT', 'INSERT 0 1'])))
    case 5:
    case 6:
      return message('Z', Buffer.from(random.pick(['I', 'T', 'E'])))
    case 7:
      return message('A', int32(4711), text('storm'), text('0 999999 0'))
    case 8:
      return errorResponse(random)
    default:
      return message(random.pick(['1', '2', '3', 'n', 's']))
  }
}

/** A whole answer to a small statement, of the form that the fast path reads. */
function wholeAnswer(random) {
  const end = message('Z', Buffer.from(random.pick(['I', 'T', 'E'])))
  return Buffer.concat([message('2'), dataRow(random), message('C', text('SELECT 1')), end])
}

function makePool(random) {
  const pieces = []
  for (let length = 0; length < POOL_BYTES;) {
    const piece = random.chance(0.3) ? wholeAnswer(random) : oneMessage(random)
    // Some messages are cut, so that the next one begins within the length of the one before.
    const kept = random.chance(0.1) ? piece.subarray(0, random.between(1, piece.length)) : piece
    pieces.push(kept)
    length += kept.length
  }
  return Buffer.concat(pieces)
}

export class ForgedBytes {
  #random
  #pool
  #textPool

  constructor(random) {
    this.#random = random
    this.#pool = makePool(random)
    // A text cannot hold a zero byte, nor half a character.
    this.#textPool = Buffer.from(this.#pool.map((byte) => byte & 127 || 1)).latin1Slice()
  }

  /** @returns a size near one of those that matter */
  size() {
    const random = this.#random
    const size = random.pick(SIZE_DECK)
    if (size === 0) return 0
    return Math.max(0, size + random.between(-MOST_OFF, Math.min(MOST_OFF, size)))
  }

  bytes(size = this.size()) {
    const start = this.#random.below(POOL_BYTES - size)
    return this.#pool.subarray(start, start + size)
  }

  text(size = this.size()) {
    const start = this.#random.below(POOL_BYTES - size)
    return this.#textPool.slice(start, start + size)
  }
}

/** The values that the server keeps. Every thread makes the same ones from the seed. */
export function storedValues(seed) {
  const forged = new ForgedBytes(new Random(seedOf(seed, 77)))
  return Array.from({ length: STORED_VALUES }, () => forged.bytes())
}
