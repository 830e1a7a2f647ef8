import { describe, expect, test } from 'vitest'
import { ByteWriter } from '../../../src-async/bytes/byte-writer.ts'

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
  ])('grows to take another %s, wherever its buffer ends', (_, write, hex) => {
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
})
