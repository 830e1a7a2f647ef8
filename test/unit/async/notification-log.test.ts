/** The log of notifications, compared with a model that copies each notification to each reader. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type LogReader, NotificationLog } from '../../../src-async/flows/notification-log.ts'

interface ModelReader {
  readonly reader: LogReader<number>
  /** The notifications that the reader must get next. */
  readonly waiting: number[]
}

test('every open reader gets every notification; a new one begins with the notifications that no reader has taken', () => {
  const step = fc.record({ what: fc.constantFrom('add', 'open', 'take', 'close', 'rest'), which: fc.nat(3) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const log = new NotificationLog<number>(Infinity)
      const readers: ModelReader[] = []
      let untaken: number[] = []
      let arrived = 0
      for (const { what, which } of steps) {
        const one = readers[which]
        if (what === 'add') {
          log.add(arrived)
          for (const { waiting } of [{ waiting: untaken }, ...readers]) waiting.push(arrived)
          arrived += 1
        } else if (what === 'open') readers.push({ reader: log.open(), waiting: [...untaken] })
        else if (what === 'rest') {
          expect(log.takeRest()).toEqual(untaken)
          untaken = []
        } else if (one !== undefined && what === 'take') {
          const expected = one.waiting.shift()
          expect(one.reader.take()).toBe(expected)
          if (expected !== undefined) untaken = untaken.filter((number) => number > expected)
        } else if (one !== undefined) {
          one.reader.close()
          expect(one.reader.take()).toBeUndefined()
          readers.splice(which, 1)
        }
        expect(log.untakenCount).toBe(untaken.length)
      }
    }),
    { numRuns: 500 },
  )
})

test('a reader that falls too far behind another one is closed, and the other one stays open', () => {
  const log = new NotificationLog<number>(3)
  const [slow, quick] = [log.open(), log.open()]
  for (let i = 0; i < 4; i++) log.add(i)
  expect([quick.take(), quick.take(), quick.take(), slow.isOverrun()]).toEqual([0, 1, 2, false])
  expect([quick.take(), slow.isOverrun(), slow.take(), quick.isOverrun()]).toEqual([3, true, undefined, false])
  log.add(4)
  expect(quick.take()).toBe(4)
})
