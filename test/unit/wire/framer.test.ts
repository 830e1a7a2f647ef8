import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ProtocolError } from '../../../src-async/errors/tree.ts'
import { Framer } from '../../../src-async/wire/protocol/framer.ts'
import { complete, int32, message, ready, row } from './messages.ts'

/** Everything that a framer gives out, with adjacent runs joined. The ends of chunks must make no other difference. */
class Recorder {
  readonly seen: string[] = []
  #lastWasRows = false

  message(tag: number, bytes: Uint8Array, start: number, end: number): void {
    this.seen.push(`${String.fromCharCode(tag)} ${hex(bytes, start, end)}`)
    this.#lastWasRows = false
  }

  rows(bytes: Uint8Array, start: number, end: number): void {
    if (this.#lastWasRows) this.seen[this.seen.length - 1] += hex(bytes, start, end)
    else this.seen.push(`rows ${hex(bytes, start, end)}`)
    this.#lastWasRows = true
  }
}

function hex(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.subarray(start, end)).toString('hex')
}

function frame(chunks: readonly Uint8Array[]): string[] {
  const recorder = new Recorder()
  const framer = new Framer(recorder)
  for (const chunk of chunks) framer.receive(chunk, 0, chunk.length)
  return recorder.seen
}

function thrownBy(call: () => void): unknown {
  try {
    call()
    return undefined
  } catch (error) {
    return error
  }
}

const rows = [row('a'), row(''), row('x'.repeat(300))]
const stream = Buffer.concat([message('2'), ...rows, complete('SELECT 3'), ready(), row('b'), complete('SELECT 1')])

describe('a framer', () => {
  test('hands out messages without their headers, and rows with theirs', () => {
    expect(frame([stream])).toEqual([
      '2 ',
      `rows ${Buffer.concat(rows).toString('hex')}`,
      `C ${Buffer.from('SELECT 3\0').toString('hex')}`,
      'Z 49',
      `rows ${row('b').toString('hex')}`,
      `C ${Buffer.from('SELECT 1\0').toString('hex')}`,
    ])
  })

  test('gives the same messages if the stream is cut in two at any place', () => {
    const whole = frame([stream])
    for (let cut = 0; cut <= stream.length; cut++) {
      expect(frame([stream.subarray(0, cut), stream.subarray(cut)])).toEqual(whole)
    }
  })

  test('gives the same messages byte by byte', () => {
    expect(frame([...stream].map((byte) => Uint8Array.of(byte)))).toEqual(frame([stream]))
  })

  test('gives the same messages in chunks of any sizes', () => {
    const whole = frame([stream])
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 60 }), (sizes) => {
        const chunks: Uint8Array[] = []
        let start = 0
        for (const size of sizes) {
          chunks.push(stream.subarray(start, start + size))
          start += size
        }
        chunks.push(stream.subarray(Math.min(start, stream.length)))
        expect(frame(chunks)).toEqual(whole)
      }),
    )
  })

  test('hands out adjacent rows of a chunk as one run, uncopied', () => {
    const runs: [Uint8Array, number, number][] = []
    const framer = new Framer({ message() {}, rows: (...run) => runs.push(run) })
    const chunk = Buffer.concat([...rows, ...rows])
    framer.receive(chunk, 0, chunk.length)
    expect(runs).toHaveLength(1)
    expect(runs[0]![0]).toBe(chunk)
    expect(runs[0]!.slice(1)).toEqual([0, chunk.length])
  })

  test('reads nothing outside of the bytes that it is given', () => {
    const padded = Buffer.concat([Buffer.alloc(7, 0xff), stream, Buffer.alloc(9, 0xff)])
    const recorder = new Recorder()
    new Framer(recorder).receive(padded, 7, 7 + stream.length)
    expect(recorder.seen).toEqual(frame([stream]))
  })

  test.each([0, 3, -1, -2147483648, 0x40000000, 0x7fffffff])('refuses the length %i', (length) => {
    for (const letter of ['D', 'C']) {
      const bytes = Buffer.concat([Buffer.from(letter), int32(length)])
      expect(() => frame([bytes])).toThrow(ProtocolError)
      for (let cut = 1; cut < bytes.length; cut++) {
        expect(() => frame([bytes.subarray(0, cut), bytes.subarray(cut)])).toThrow(ProtocolError)
      }
    }
  })

  test('allocates memory for the bytes that have arrived, and not for the announced length', () => {
    const before = process.memoryUsage().arrayBuffers
    const framers: Framer[] = []
    for (let i = 0; i < 20; i++) {
      const framer = new Framer({ message() {}, rows() {} })
      const bytes = Buffer.concat([Buffer.from('C'), int32(0x3fffffff), Buffer.alloc(100)])
      framer.receive(bytes, 0, bytes.length)
      framers.push(framer)
    }
    expect(framers[0]!.carriedBytes).toBe(105)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000)
  })

  test('puts a message of megabytes together from socket-sized chunks', () => {
    const large = row('z'.repeat(3_000_000))
    const chunks: Uint8Array[] = []
    for (let at = 0; at < large.length; at += 65_536) chunks.push(large.subarray(at, at + 65_536))
    expect(frame([...chunks, ready()])).toEqual([`rows ${large.toString('hex')}`, 'Z 49'])
  })

  test('throws only ProtocolError, for any bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 })), (chunks) => {
        expect(thrownBy(() => frame(chunks)) ?? new ProtocolError('')).toBeInstanceOf(ProtocolError)
      }),
    )
  })
})
