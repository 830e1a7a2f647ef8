import { describe, expect, test } from 'vitest'

import { HOST, HOST_WORDS } from '../../../worker/channel/layout.ts'
import { linger, whileCalled } from '../../../worker/turn/doorbell.ts'

const newWords = (): Int32Array => new Int32Array(new SharedArrayBuffer(HOST_WORDS * 4))

/**
 * Lingers, and makes a synckit call at the yield of this number.
 * @returns how many times the worker slept while the caller waited for the call, and whether there was such a yield
 */
function lingerWithCallAt(at: number): { sleepsWhileCalled: number; wasCalled: boolean } {
  const words = newWords()
  let sleepsWhileCalled = 0
  let wasCalled = false
  const run = (steps: Iterator<unknown, void, never>, from: number): void => {
    for (let i = from; ; i += 1) {
      const { done, value } = steps.next('timed-out' as never)
      if (done === true) return
      const noteSleep = (): void => {
        if (typeof value !== 'object') return
        const { index, seen } = value as { index: number; seen: number }
        if (Atomics.load(words, index) === seen) sleepsWhileCalled += 1
      }
      if (i !== at) {
        if (wasCalled) noteSleep()
        continue
      }
      wasCalled = true
      // The call ends when the worker is in its event loop again.
      whileCalled(words, () => {
        noteSleep()
        run(steps, i + 1)
      })
      return
    }
  }
  run(
    linger(
      words,
      function* () {},
      () => false,
    ) as Iterator<unknown, void, never>,
    0,
  )
  expect(Atomics.load(words, HOST.isCalled)).toBe(0)
  expect(Atomics.load(words, HOST.lingers)).toBe(0)
  return { sleepsWhileCalled, wasCalled }
}

describe('a synckit call while the worker lingers', () => {
  test('ends the lingering, at whatever step it comes', () => {
    let at = 0
    for (; ; at += 1) {
      const { sleepsWhileCalled, wasCalled } = lingerWithCallAt(at)
      if (!wasCalled) break
      expect([at, sleepsWhileCalled]).toEqual([at, 0])
    }
    expect(at).toBeGreaterThan(2)
  })

  test('that fails lets the worker linger again', () => {
    const words = newWords()
    const fail = (): never => {
      throw new Error('no answer')
    }
    expect(() => whileCalled(words, fail)).toThrow('no answer')
    expect(Atomics.load(words, HOST.isCalled)).toBe(0)
  })
})
