/** The ring between the two threads, written and read by one thread. */
import { expect, test, vi } from 'vitest'

import { RECORD, WORD, type SessionBlock, sessionBlockBytes, viewSessionBlock } from '../../../worker/channel/layout.ts'
import { RingReader, RingWriter } from '../../../worker/channel/ring.ts'

const RING_BYTES = 1 << 16

interface Ring {
  readonly block: SessionBlock
  readonly taken: string[]
  write(text: string): void
  /** Takes everything, also what is queued because the ring was full. */
  drain(): void
}

function newRing(): Ring {
  const block = viewSessionBlock(new SharedArrayBuffer(sessionBlockBytes(RING_BYTES)))
  const nothing = (): void => {}
  const writer = new RingWriter(block, { willHaveRoom: () => true, blocked: nothing, drained: nothing })
  const reader = new RingReader(block, nothing)
  const taken: string[] = []
  const record = (_kind: number, _id: number, bytes: Buffer, start: number, end: number): void =>
    void taken.push(bytes.toString('latin1', start, end))
  return {
    block,
    taken,
    write: (text) => writer.write(RECORD.rows, 1, Buffer.from(text, 'latin1'), 0, text.length),
    drain: () => {
      reader.drain({ record })
      while (writer.isQueueing) {
        writer.flush()
        reader.drain({ record })
      }
    },
  }
}

test('records that are taken one by one occupy only the first part of the ring', () => {
  const { block, taken, write, drain } = newRing()
  for (let i = 0; i < 10_000; i++) {
    write(`record ${i}`)
    drain()
  }
  expect(taken).toHaveLength(10_000)
  expect(taken.every((text, i) => text === `record ${i}`)).toBe(true)
  expect(block.ring.subarray(RING_BYTES / 4).every((byte) => byte === 0)).toBe(true)
})

test('after a rewind comes a record of any size, and no record is overwritten that was not taken', () => {
  const { taken, write, drain } = newRing()
  const sent: string[] = []
  for (let size = 1; size < RING_BYTES; size = Math.ceil(size * 1.3)) {
    for (let before = 0; before < 6; before++) {
      // Each round begins at another offset, with an empty ring.
      for (const length of [before * 2500, size, 5, 600]) {
        const text = String.fromCharCode(97 + (sent.length % 26)).repeat(length)
        sent.push(text)
        write(text)
        if (length === size) drain()
      }
      drain()
    }
  }
  expect(taken.length).toBe(sent.length)
  expect(taken.findIndex((text, i) => text !== sent[i])).toBe(-1)
})

test.each([
  ['waits for room while the reader takes records', true, 1],
  ['does not wait while the reader takes none', false, 0],
])('a writer %s', (_name, willHaveRoom, waits) => {
  const block = viewSessionBlock(new SharedArrayBuffer(sessionBlockBytes(RING_BYTES)))
  const writer = new RingWriter(block, { willHaveRoom: () => willHaveRoom, blocked() {}, drained() {} })
  const wait = vi.spyOn(Atomics, 'wait')
  const record = Buffer.alloc(RING_BYTES / 8)
  for (let i = 0; i < 10; i++) writer.write(RECORD.rows, 1, record, 0, record.length)
  expect([writer.isQueueing, wait.mock.calls.length]).toEqual([true, waits])
  wait.mockRestore()
})

test('the word that says that a listener runs is cleared by the end of the drain, not by the end of the listener', () => {
  const block = viewSessionBlock(new SharedArrayBuffer(sessionBlockBytes(RING_BYTES)))
  const writer = new RingWriter(block, { willHaveRoom: () => true, blocked() {}, drained() {} })
  const reader = new RingReader(block, () => {})
  for (let i = 0; i < 3; i++) writer.write(RECORD.event, 1, Buffer.from('{}'), 0, 2)
  const seen: number[] = []
  const record = (): void => {
    seen.push(Atomics.load(block.words, WORD.listens))
    Atomics.store(block.words, WORD.listens, 1)
  }
  reader.drain({ record })
  expect([...seen, Atomics.load(block.words, WORD.listens)]).toEqual([0, 1, 1, 0])
})
