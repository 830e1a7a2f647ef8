/**
 * Rows pass different code: the loop, the generated functions, a buffer that is read row by row, and the decoder whose
 * values stay bytes. All of them accept the same messages, give the same values and refuse the same messages. See docs/decisions/row-readers.md.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ProtocolError } from '../../../src-async/errors/tree.ts'
import { bytea } from '../../../src-async/values/codecs/bytea.ts'
import type { Row } from '../../../src-async/values/record.ts'
import { RowBuffer } from '../../../src-async/values/row-buffer.ts'
import { DecodingSink, RowDecoder } from '../../../src-async/values/row-decoder.ts'
import { shapeFor } from '../../../src-async/values/row-shapes.ts'

/** The number of rows after which a decoder has generated its code. */
const MANY = 100

/** A decoder of `count` columns whose values are their bytes, so that any message can be compared with its bytes. */
function decoderOf(count: number): RowDecoder {
  const columns = Array.from({ length: count }, (_, i) => ({
    name: `c${i}`,
    tableOid: 0,
    tableColumn: 0,
    typeOid: 17,
    typeSize: -1,
    typeModifier: -1,
  }))
  return new RowDecoder(
    columns,
    columns.map(() => bytea),
    shapeFor(columns, { rowFactory: 'array' }),
  )
}

function message(fields: readonly (Uint8Array | null)[]): Buffer {
  const head = Buffer.alloc(7)
  head.write('D')
  head.writeUInt16BE(fields.length, 5)
  const body = fields.map((field) => {
    const length = Buffer.alloc(4)
    length.writeInt32BE(field === null ? -1 : field.length)
    return Buffer.concat([length, field ?? Buffer.alloc(0)])
  })
  const whole = Buffer.concat([head, ...body])
  whole.writeInt32BE(whole.length - 1, 1)
  return whole
}

type Outcome = { readonly rows: readonly (Buffer | null)[][] } | { readonly refused: string }

function outcome(read: () => Row[]): Outcome {
  try {
    return { rows: read() as unknown as (Buffer | null)[][] }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    return { refused: error.message }
  }
}

function inSink(decoder: RowDecoder, run: Uint8Array): Row[] {
  const sink = new DecodingSink(decoder)
  sink.take(run, 0, run.length)
  if (sink.failure !== null) throw sink.failure
  return sink.rows
}

/** Each way of reading a run of rows. */
const readers: Readonly<Record<string, (count: number, run: Uint8Array) => Row[]>> = {
  'the loop': (count, run) => inSink(decoderOf(count), run),
  'the generated code': (count, run) => {
    const decoder = decoderOf(count)
    const good = message(Array.from({ length: count }, () => null))
    for (let i = 0; i < MANY; i += 1) decoder.decodeRun(good, 0, good.length, [])
    return inSink(decoder, run)
  },
  'a buffer that gives all rows': (count, run) => {
    const buffer = bufferOf(run)
    return buffer.rest(decoderOf(count))
  },
  'a buffer that gives one row after another': (count, run) => {
    const buffer = bufferOf(run)
    const decoder = decoderOf(count)
    const rows: Row[] = []
    for (let row = buffer.next(decoder); row !== null; row = buffer.next(decoder)) rows.push(row)
    return rows
  },
}

function bufferOf(run: Uint8Array): RowBuffer {
  const buffer = new RowBuffer()
  buffer.take(run, 0, run.length)
  if (buffer.failure !== null) throw buffer.failure
  return buffer
}

/** A message's offsets differ between a run and a buffer's copy of it, so they are left out of the comparison. */
function told(result: Outcome): Outcome {
  return 'refused' in result ? { refused: result.refused.replaceAll(/\d+/g, 'n') } : result
}

function same(count: number, run: Uint8Array): Outcome {
  const [first, ...others] = Object.entries(readers).map(([name, read]) => ({
    name,
    result: told(outcome(() => read(count, run))),
  }))
  for (const { name, result } of others) expect({ name, ...result }).toStrictEqual({ name, ...first!.result })
  return first!.result
}

const field = fc.option(fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)))

describe('all readers of rows', () => {
  test.each([
    ['a null', [null]],
    ['an empty value', [Buffer.alloc(0)]],
    ['nulls and empty values side by side', [null, Buffer.alloc(0), null, Buffer.from('x'), Buffer.alloc(0)]],
    ['no columns', []],
    ['128 columns, the most that code is generated for', Array.from({ length: 128 }, (_, i) => Buffer.from([i]))],
    [
      '1,600 columns, the most of a table',
      Array.from({ length: 1600 }, (_, i) => (i % 3 === 0 ? null : Buffer.from([i]))),
    ],
    ['a value longer than a chunk', [Buffer.alloc(100_000, 7)]],
  ])('give %s', (_name, fields) => {
    expect(same(fields.length, message(fields))).toStrictEqual({ rows: [fields] })
  })

  test('give any rows', () => {
    const rows = fc.integer({ min: 0, max: 6 }).chain((count) => {
      return fc.array(fc.array(field, { minLength: count, maxLength: count }), { minLength: 1, maxLength: 5 })
    })
    fc.assert(
      fc.property(rows, (list) => {
        expect(same(list[0]!.length, Buffer.concat(list.map(message)))).toStrictEqual({ rows: list })
      }),
      { numRuns: 200 },
    )
  })

  test('refuse a message that is cut short at any byte', () => {
    const whole = message([Buffer.from('abc'), null, Buffer.alloc(0), Buffer.from('d')])
    for (let length = 1; length < whole.length; length += 1) {
      expect(same(4, whole.subarray(0, length)), `${length} bytes`).toHaveProperty('refused')
    }
  })

  test('refuse a bad row after a good one with the same error', () => {
    const good = message([Buffer.from('abc')])
    const bad = Buffer.concat([good, message([Buffer.from('abc'), null])])
    expect(same(1, bad)).toStrictEqual({ refused: 'a row has n fields, the statement was described with n' })
  })

  test('treat any message with one wrong byte in its body in the same way', () => {
    const fields = fc.array(field, { minLength: 3, maxLength: 3 })
    fc.assert(
      fc.property(fields, fc.nat(), fc.nat(255), (list, at, value) => {
        const bytes = message(list)
        bytes[5 + (at % (bytes.length - 5))] = value
        same(3, bytes)
      }),
      { numRuns: 300 },
    )
  })

  test('refuse any message with a wrong byte in its head, though their errors may differ for a second fault', () => {
    const fields = fc.array(field, { minLength: 3, maxLength: 3 })
    fc.assert(
      fc.property(fields, fc.nat(4), fc.nat(255), (list, at, value) => {
        const bytes = message(list)
        fc.pre(bytes[at] !== value)
        bytes[at] = value
        // A buffer checks the heads of all messages before the body of the first.
        for (const [name, read] of Object.entries(readers)) {
          expect({ name, ...outcome(() => read(3, bytes)) }).toHaveProperty('refused')
        }
      }),
      { numRuns: 300 },
    )
  })
})
