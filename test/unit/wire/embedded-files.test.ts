/** The files of an embedded database in memory: lists of blocks that behave like one array of bytes. */
import fc from 'fast-check'
import { expect, test } from 'vitest'

import { BlockFile } from '../../../src-async/wire/embedded/memory-files.ts'

const BLOCK = 65_536
const near = fc.integer({ min: -3, max: 3 })
const place = fc.tuple(fc.integer({ min: 0, max: 4 }), near).map(([block, off]) => Math.max(0, block * BLOCK + off))
const step = fc.oneof(
  fc.record({
    kind: fc.constant('write' as const),
    position: place,
    length: place,
    value: fc.integer({ max: 255, min: 1 }),
  }),
  fc.record({ kind: fc.constant('resize' as const), position: place }),
  fc.record({ kind: fc.constant('read' as const), position: place, length: place }),
)

test('a file has the same content as an array after any writes, truncations and reads at the edges of blocks', () => {
  fc.assert(
    fc.property(place, place, fc.array(step, { maxLength: 12 }), (size, sourceLength, steps) => {
      const source = new Uint8Array(sourceLength).map((_, index) => (index % 251) + 1)
      const read = (into: Uint8Array, position: number) => into.set(source.subarray(position, position + into.length))
      const file = new BlockFile(size, { length: sourceLength, read })
      let model = new Uint8Array(size)
      model.set(source.subarray(0, size))
      const grown = (length: number) => {
        const next = new Uint8Array(length)
        next.set(model.subarray(0, length))
        return next
      }
      for (const each of steps) {
        if (each.kind === 'write') {
          const bytes = new Uint8Array(each.length).fill(each.value)
          file.write(bytes, each.position)
          model = grown(Math.max(model.length, each.position + each.length))
          model.set(bytes, each.position)
        } else if (each.kind === 'resize') {
          file.resize(each.position)
          model = grown(each.position)
        } else {
          const into = new Uint8Array(each.length).fill(0xee)
          const count = file.read(into, each.position)
          expect(
            Buffer.compare(into.subarray(0, count), model.subarray(each.position, each.position + each.length)),
          ).toBe(0)
        }
        expect(file.size).toBe(model.length)
      }
      const whole = new Uint8Array(file.size)
      expect(file.read(whole, 0)).toBe(model.length)
      expect(Buffer.compare(whole, model)).toBe(0)
    }),
    { numRuns: 300 },
  )
})
