import { describe, expect, test } from 'vitest'
import { ByteWriter, isReleased } from '../../../src-async/bytes/byte-writer.ts'

describe('a byte writer', () => {
  test.each<[string, (out: ByteWriter) => ByteWriter, string]>([
    ['uint8', (out) => out.uint8(0xfe), 'fe'],
    ['int16', (out) => out.int16(-2), 'fffe'],
    ['int32', (out) => out.int32(-2), 'fffffffe'],
    ['uint32', (out) => out.uint32(0xfffffffe), 'fffffffe'],
    ['int64', (out) => out.int64(-2n), 'fffffffffffffffe'],
    ['float32', (out) => out.float32(1), '3f800000'],
    ['float64', (out) => out.float64(1), '3ff0000000000000'],
    ['bytes', (out) => out.bytes(Uint8Array.of(1, 2)), '0102'],
    ['utf8', (out) => out.utf8('aä'), '61c3a4'],
    ['cstring', (out) => out.cstring('ä'), 'c3a400'],
  ])('grows for another %s, at whatever byte its buffer ends', (_, write, hex) => {
    for (let filled = 0; filled <= 16; filled++) {
      const out = new ByteWriter(16)
      for (let i = 0; i < filled; i++) out.uint8(i)
      write(write(out))
      expect(
        out
          .take()
          .toString('hex')
          .slice(filled * 2),
      ).toBe(hex + hex)
    }
  })

  test.each([100, 1 << 20, (1 << 20) + 1, 5_000_000])(
    'that was cleared after %i bytes overwrites an earlier view, unless it has released the view',
    (size) => {
      const out = new ByteWriter(64).bytes(new Uint8Array(size).fill(7))
      const view = out.view()
      out.clear()
      out.bytes(new Uint8Array(size).fill(9))
      expect(view.includes(9)).toBe(!isReleased(view))
      expect(isReleased(view)).toBe(size > 1 << 20)
    },
  )
})

test('a few bytes after a long value do not copy it once more', () => {
  const out = new ByteWriter(64)
  out.bytes(new Uint8Array(4 << 20))
  const { buffer } = out
  out.int32(1).cstring('x'.repeat(1000))
  expect(out.buffer === buffer).toBe(true)
})
