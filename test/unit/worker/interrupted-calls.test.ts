/**
 * Ctrl-C in a REPL interrupts a call between any two function calls, and no `catch` and no `finally` runs. The next
 * call must work even if the interrupted one has left its work half done. `vm`'s time limit ends a script in the same
 * way.
 */
import { runInThisContext } from 'node:vm'

import { afterEach, describe, expect, test } from 'vitest'

import { ByteWriter } from '../../../src-async/bytes/byte-writer.ts'
import {
  MIN_RING_BYTES,
  RECORD,
  type RecordKind,
  sessionBlockBytes,
  viewSessionBlock,
} from '../../../worker/channel/layout.ts'
import { RingReader, RingWriter } from '../../../worker/channel/ring.ts'

/**
 * Runs a function until its end, or until it is interrupted in its first endless loop.
 * @returns whether it was interrupted.
 */
function isTornOff(run: () => void): boolean {
  Object.assign(globalThis, { tornRun: run })
  try {
    runInThisContext('tornRun()', { timeout: 20 })
    return false
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_SCRIPT_EXECUTION_TIMEOUT' })
    return true
  }
}

function endless(): never {
  for (;;);
}

describe('a byte writer', () => {
  const { DataView } = globalThis
  afterEach(() => {
    globalThis.DataView = DataView
  })

  test('that is interrupted while it grows still writes to one buffer', () => {
    const out = new ByteWriter(16)
    const grow = (): void => {
      globalThis.DataView = endless as never
      out.bytes(Buffer.alloc(40, 0xff))
    }
    expect(isTornOff(() => grow())).toBe(true)
    globalThis.DataView = DataView
    out.clear()
    out.bytes(Uint8Array.of(1, 2)).int32(3)
    expect(out.take().toString('hex')).toBe('010200000003')
  })
})

describe('a reader of the ring', () => {
  const LONG = Buffer.from(Array.from({ length: 9000 }, (_, index) => index % 251))

  test.each(['in every record', 'whenever it has made room'])(
    'that is interrupted %s gives each message complete',
    (where) => {
      const block = viewSessionBlock(new SharedArrayBuffer(sessionBlockBytes(MIN_RING_BYTES)))
      let isTearing = false
      let tearCount = 0
      const tear = (at: string): void => {
        if (!isTearing || at !== where) return
        isTearing = false
        tearCount += 1
        endless()
      }
      const writer = new RingWriter(block, { willHaveRoom: () => true, blocked() {}, drained() {} })
      const reader = new RingReader(block, () => tear('whenever it has made room'))
      const taken: [number, Buffer][] = []
      const handler = {
        record(_kind: RecordKind, id: number, bytes: Buffer, start: number, end: number): void {
          tear('in every record')
          taken.push([id, Buffer.from(bytes.subarray(start, end))])
        },
      }
      const messages = [LONG, Buffer.from('short'), LONG.subarray(0, 5000), Buffer.from('last'), LONG.subarray(3)]
      for (const [id, message] of messages.entries()) writer.write(RECORD.rows, id, message, 0, message.length)
      for (let turn = 0; taken.length < messages.length && turn < 100; turn++) {
        isTearing = true
        while (isTornOff(() => reader.drain(handler))) reader.drain(handler)
        writer.flush()
      }
      expect(taken).toEqual(messages.map((message, id) => [id, Buffer.from(message)]))
      expect(tearCount).toBeGreaterThan(1)
    },
  )
})
