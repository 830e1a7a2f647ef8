/**
 * Decoding rows: the loop and the generated code give the same values, and malformed bytes give a typed error. No
 * server is needed, because the messages are built here from recorded values.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ByteReader } from '../../../src-async/bytes/byte-reader.ts'
import { DataError, ProtocolError } from '../../../src-async/errors/tree.ts'
import type { Row } from '../../../src-async/values/record.ts'
import { CodecRegistry } from '../../../src-async/values/registry.ts'
import { RowBuffer } from '../../../src-async/values/row-buffer.ts'
import { DecodingSink, RowDecoder } from '../../../src-async/values/row-decoder.ts'
import { shapeFor } from '../../../src-async/values/row-shapes.ts'

interface Sample {
  readonly oid: number
  readonly text: string
  readonly binary: string
}

const samples = JSON.parse(readFileSync(new URL('samples.json', import.meta.url), 'utf8')) as Sample[]
const registry = new CodecRegistry()
/** The number of rows after which every decoder has generated its code. */
const MANY = 200

function decoderFor(oids: readonly number[], rowFactory: 'record' | 'array' = 'array'): RowDecoder {
  const columns = oids.map((typeOid, i) => ({
    name: `c${i}`,
    tableOid: 0,
    tableColumn: 0,
    typeOid,
    typeSize: 0,
    typeModifier: -1,
  }))
  return new RowDecoder(
    columns,
    oids.map((oid) => registry.codecFor(oid)),
    shapeFor(columns, { rowFactory }),
  )
}

function message(fields: readonly (Uint8Array | null)[]): Buffer {
  const parts: Buffer[] = [int16(fields.length)]
  for (const field of fields) parts.push(int32(field === null ? -1 : field.length), Buffer.from(field ?? []))
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from('D'), int32(body.length + 4), body])
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

function field(sample: Sample): Buffer {
  return registry.codecFor(sample.oid).format === 1 ? Buffer.from(sample.binary, 'hex') : Buffer.from(sample.text)
}

/** A decoder that has generated its code. */
function warm(oids: readonly number[], bytes: Buffer): RowDecoder {
  const decoder = decoderFor(oids)
  const rows: Row[] = []
  for (let i = 0; i < MANY; i += 1) decoder.decodeRun(bytes, 0, bytes.length, rows)
  return decoder
}

function decodeOnce(decoder: RowDecoder, bytes: Uint8Array): unknown {
  const rows: Row[] = []
  decoder.decodeRun(bytes, 0, bytes.length, rows)
  return rows
}

function outcome(decoder: RowDecoder, bytes: Uint8Array): unknown {
  try {
    return decodeOnce(decoder, bytes)
  } catch (error) {
    return [(error as Error).name, (error as Error).message]
  }
}

describe('generated code and the loop that replaces it', () => {
  const oids = samples.map((sample) => sample.oid)

  test('give the same values for every type', () => {
    for (let i = 0; i < samples.length; i += 40) {
      const part = samples.slice(i, i + 40)
      const types = oids.slice(i, i + 40)
      const bytes = message(part.map(field))
      const byLoop = decodeOnce(decoderFor(types), bytes)
      expect(decodeOnce(warm(types, bytes), bytes)).toStrictEqual(byLoop)
      expect(byLoop).toStrictEqual([part.map((sample) => registry.codecFor(sample.oid).decodeText(sample.text))])
    }
  })

  test('give null for NULL in every type', () => {
    const types = [...new Set(oids)].slice(0, 100)
    const bytes = message(types.map(() => null))
    expect(decodeOnce(warm(types, bytes), bytes)).toStrictEqual([types.map(() => null)])
    expect(decodeOnce(decoderFor(types), bytes)).toStrictEqual([types.map(() => null)])
  })

  test('raise the same errors', () => {
    const types = [23, 25, 1184, 16, 1700, 20]
    const good = message([
      int32(1),
      Buffer.from('text'),
      Buffer.alloc(8),
      Buffer.from([1]),
      Buffer.alloc(8),
      Buffer.alloc(8),
    ])
    const generated = warm(types, good)
    for (let i = 5; i < good.length; i += 1) {
      for (const value of [0, 1, 127, 255]) {
        const bad = Buffer.from(good)
        bad[i] = value
        expect(outcome(generated, bad), `byte ${i} = ${value}`).toStrictEqual(outcome(decoderFor(types), bad))
      }
    }
  })

  test('give the same text, of every length and script', () => {
    for (const unit of ['a', 'é', '😀', '\u007f']) {
      for (let length = 0; length < 40; length += 1) {
        const bytes = message([Buffer.from(unit.repeat(length)), Buffer.from(`${'b'.repeat(length)}${unit}`)])
        expect(decodeOnce(warm([25, 1043], bytes), bytes)).toStrictEqual([
          [unit.repeat(length), 'b'.repeat(length) + unit],
        ])
      }
    }
  })
})

describe('hostile rows', () => {
  const part = samples.filter((sample) => sample.binary.length < 400)

  test('any bytes decode or raise a typed error, in both forms', () => {
    const seeds = fc.record({
      sample: fc.constantFrom(...part),
      at: fc.nat(),
      value: fc.nat(255),
      cut: fc.nat(40),
    })
    fc.assert(
      fc.property(seeds, ({ sample, at, value, cut }) => {
        const bytes = Buffer.from(field(sample))
        if (bytes.length > 0) bytes[at % bytes.length] = value
        const row = message([bytes.subarray(0, Math.max(0, bytes.length - (cut > 20 ? 0 : cut)))])
        try {
          decodeOnce(decoderFor([sample.oid]), row)
        } catch (error) {
          if (!(error instanceof ProtocolError) && !(error instanceof DataError)) throw error
        }
      }),
      { numRuns: 3000 },
    )
  })

  test.each([
    ['an array of 2^31 - 1 elements', 1007, [int32(1), int32(0), int32(23), int32(2147483647), int32(1)]],
    [
      'an array of 2^30 by 2^30 elements',
      1007,
      [int32(2), int32(0), int32(23), int32(1 << 30), int32(1), int32(1 << 30), int32(1)],
    ],
    ['an array of a million dimensions', 1007, [int32(1000000), int32(0), int32(23)]],
    ['an array of a negative length', 1007, [int32(1), int32(0), int32(23), int32(-5), int32(1)]],
    ['a multirange of 2^31 - 1 ranges', 4451, [int32(2147483647)]],
    ['a polygon of 2^31 - 1 points', 604, [int32(2147483647)]],
    ['bits beyond the bytes', 1562, [int32(2147483647)]],
    ['a numeric of 65,535 groups', 1700, [int16(-1), int16(0), int16(0), int16(0)]],
    ['jsonb of another version', 3802, [Buffer.from('\x02{}')]],
    ['invalid JSON', 114, [Buffer.from('{')]],
  ])('%s is refused', (_name, oid, parts) => {
    expect(() => decodeOnce(decoderFor([oid]), message([Buffer.concat(parts)]))).toThrow(DataError)
  })

  test.each([
    ['a field count that differs', message([int32(1), int32(2)])],
    ['a length beyond the row', Buffer.concat([Buffer.from('D'), int32(14), int16(1), int32(400), int32(1)])],
    ['a length below -1', Buffer.concat([Buffer.from('D'), int32(14), int16(1), int32(-2), int32(1)])],
    [
      'bytes after the last field',
      Buffer.concat([Buffer.from('D'), int32(18), int16(1), int32(4), int32(1), int32(0)]),
    ],
    ['a value longer than its type', message([Buffer.alloc(8)])],
    ['a value shorter than its type', message([Buffer.alloc(2)])],
    ['a message longer than its run', Buffer.concat([Buffer.from('D'), int32(100), int16(1), int32(4), int32(1)])],
    ['a message of length 0', Buffer.concat([Buffer.from('D'), int32(0), int16(1), int32(4), int32(1)])],
    ['another message', Buffer.concat([Buffer.from('C'), int32(14), int16(1), int32(4), int32(1)])],
  ])('%s is a ProtocolError in both forms', (_name, bytes) => {
    expect(() => decodeOnce(decoderFor([23]), bytes)).toThrow(ProtocolError)
    expect(() => decodeOnce(warm([23], message([int32(1)])), bytes)).toThrow(ProtocolError)
  })

  test('the error names the column', () => {
    const call = () => decodeOnce(decoderFor([23, 1184]), message([int32(1), Buffer.from('7ffffffffffffffe', 'hex')]))
    expect(call).toThrow(/^column 2 \("c1", timestamptz\): the instant .* is beyond the range of Date/)
  })
})

describe('sinks', () => {
  const row = (i: number): Buffer => message([int32(i), Buffer.from(`row ${i}`)])
  const run = (from: number, to: number): Buffer =>
    Buffer.concat(Array.from({ length: to - from }, (_, i) => row(from + i)))

  test('a decoding sink keeps its first failure, the rows before it, and drops the rest', () => {
    const sink = new DecodingSink(decoderFor([23, 25]))
    sink.take(run(0, 2), 0, run(0, 2).length)
    const bad = message([Buffer.alloc(3), null])
    sink.take(bad, 0, bad.length)
    sink.take(run(2, 4), 0, run(2, 4).length)
    expect(sink.rows).toStrictEqual([
      [0, 'row 0'],
      [1, 'row 1'],
    ])
    expect(sink.failure).toBeInstanceOf(ProtocolError)
  })

  test('no row aliases the bytes it came from', () => {
    const sink = new DecodingSink(decoderFor([17, 25]))
    const bytes = message([Buffer.from('bytes'), Buffer.from('text')])
    sink.take(bytes, 0, bytes.length)
    bytes.fill(0)
    expect(sink.rows).toStrictEqual([[Buffer.from('bytes'), 'text']])
  })

  test('a buffer gives one row, several or all that are left, however the rows are divided into runs', () => {
    const buffer = new RowBuffer()
    for (let i = 0; i < 5000; i += 50) {
      const bytes = Buffer.concat([Buffer.from('noise'), run(i, i + 50)])
      buffer.take(bytes, 5, bytes.length)
      bytes.fill(0)
    }
    const decoder = decoderFor([23, 25])
    expect(buffer.rowCount).toBe(5000)
    expect(buffer.next(decoder)).toStrictEqual([0, 'row 0'])
    expect(buffer.nextMany(decoder, 2)).toStrictEqual([
      [1, 'row 1'],
      [2, 'row 2'],
    ])
    expect(buffer.position).toBe(3)
    const rest = buffer.rest(decoder) as unknown as [number, string][]
    expect([rest.length, rest[0], rest.at(-1)]).toStrictEqual([4997, [3, 'row 3'], [4999, 'row 4999']])
    expect([buffer.next(decoder), buffer.nextMany(decoder, 3), buffer.position]).toStrictEqual([null, [], 5000])
  })

  test('a buffer scrolls to any row, and stays where it is if there is no such row', () => {
    const buffer = new RowBuffer()
    buffer.take(run(0, 3000), 0, run(0, 3000).length)
    const decoder = decoderFor([23, 25])
    for (const index of [2999, 0, 1500, 1, 2998, 700]) {
      buffer.scrollTo(index)
      expect([buffer.position, buffer.next(decoder)]).toStrictEqual([index, [index, `row ${index}`]])
    }
    for (const index of [-1, 3001, 0.5]) expect(() => buffer.scrollTo(index)).toThrow(RangeError)
    expect(buffer.position).toBe(701)
    buffer.scrollTo(3000)
    expect(buffer.next(decoder)).toBe(null)
    buffer.take(run(3000, 3001), 0, run(3000, 3001).length)
    expect(buffer.next(decoder)).toStrictEqual([3000, 'row 3000'])
  })

  test('a message larger than a chunk is kept complete', () => {
    const buffer = new RowBuffer()
    const large = message([int32(1), Buffer.alloc(3 << 20, 'x')])
    const bytes = Buffer.concat([row(0), large, row(2)])
    buffer.take(bytes, 0, bytes.length)
    const rows = buffer.rest(decoderFor([23, 25])) as unknown as [number, string][]
    expect(rows.map(([id, text]) => [id, text.length])).toStrictEqual([
      [0, 5],
      [1, 3 << 20],
      [2, 5],
    ])
  })

  test('fetching one row of a buffer decodes one', () => {
    const buffer = new RowBuffer()
    buffer.take(run(0, 1000), 0, run(0, 1000).length)
    let decoded = 0
    const decoder = decoderFor([23, 25])
    const counting = {
      decode: (reader: ByteReader) => ((decoded += 1), decoder.decode(reader)),
      decodeRun: () => expect.fail('a run was decoded'),
    }
    expect([buffer.next(counting), decoded]).toStrictEqual([[0, 'row 0'], 1])
  })

  test("a row that cannot be decoded does not move the buffer's position", () => {
    const buffer = new RowBuffer()
    const bytes = Buffer.concat([row(0), message([Buffer.alloc(3), null]), row(2)])
    buffer.take(bytes, 0, bytes.length)
    const decoder = decoderFor([23, 25])
    expect(() => buffer.rest(decoder)).toThrow(ProtocolError)
    expect(buffer.position).toBe(0)
    expect(buffer.next(decoder)).toStrictEqual([0, 'row 0'])
    buffer.scrollTo(2)
    expect(buffer.next(decoder)).toStrictEqual([2, 'row 2'])
  })

  test('an error in a run is kept until the end, and not thrown', () => {
    const buffer = new RowBuffer()
    buffer.take(Buffer.concat([row(0), Buffer.from('D'), int32(500)]), 0, row(0).length + 5)
    expect(buffer.failure).toBeInstanceOf(ProtocolError)
  })

  test('rows of a simple query are read from text', () => {
    const decoder = decoderFor([23, 1184, 1007])
    const bytes = message([Buffer.from('12'), Buffer.from('2024-01-01 00:00:00+00'), Buffer.from('{1,NULL}')])
    const sink = new DecodingSink(decoder.asText())
    sink.take(bytes, 0, bytes.length)
    expect(sink.failure).toBe(null)
    expect(sink.rows).toStrictEqual([[12, new Date('2024-01-01T00:00:00Z'), [1, null]]])
  })
})

describe('where generating code from strings is forbidden', () => {
  test('rows and records are the same', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'values-'))
    try {
      const script = join(folder, 'rows.mjs')
      const values = fileURLToPath(new URL('../../../src-async/values', import.meta.url))
      const contents = `
        import { CodecRegistry } from '${values}/registry.ts'
        import { RowDecoder } from '${values}/row-decoder.ts'
        import { shapeFor } from '${values}/row-shapes.ts'
        import { inspect } from 'node:util'
        const bytes = Buffer.from(process.argv[2], 'hex')
        const oids = JSON.parse(process.argv[3])
        const names = JSON.parse(process.argv[4])
        const columns = oids.map((typeOid, i) => ({ name: names[i], typeOid }))
        const registry = new CodecRegistry()
        const decoder = new RowDecoder(columns, oids.map((oid) => registry.codecFor(oid)), shapeFor(columns))
        const rows = []
        for (let i = 0; i < ${MANY}; i += 1) decoder.decodeRun(bytes, 0, bytes.length, rows)
        const last = rows.at(-1)
        console.log(inspect([last, [...last], last[0], last[4], JSON.stringify(last), Object.keys(last)], { depth: 9 }))`
      await build({
        stdin: { contents, loader: 'ts', resolveDir: folder },
        bundle: true,
        format: 'esm',
        platform: 'node',
        outfile: script,
      })
      const args = [
        message([int32(7), Buffer.from('text'), Buffer.alloc(8), null, Buffer.from([1])]).toString('hex'),
        JSON.stringify([23, 25, 1184, 20, 16]),
        JSON.stringify(['length', 'a', '__proto__', 'a', '0']),
      ]
      writeFileSync(join(folder, 'package.json'), '{}')
      const runWith = (...flags: string[]) =>
        execFileSync(process.execPath, [...flags, script, ...args], { encoding: 'utf8' })
      const printed = runWith('--disallow-code-generation-from-strings')
      expect(printed).toBe(runWith())
      expect(printed).toContain('Record {')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
