import { expect, test } from 'vitest'

import { TextChunks } from '../../../src-async/flows/text-chunks.ts'

test.each([
  [['a😀', 'b']],
  [['a\ud83d', '\ude00b']],
  [['\ud83d', '\ude00']],
  [['\ud83d', '', '\ude00']],
  [['', 'a']],
  [['\ud83d', '\ude00\ud83d', '\ude00']],
])('%j comes out as whole characters', (chunks) => {
  const text = new TextChunks()
  const given = chunks.map((chunk) => text.next(chunk, 'source'))
  text.end('source')
  expect(given.every((chunk) => chunk.isWellFormed())).toBe(true)
  expect(given.join('')).toBe(chunks.join(''))
})

test.each([[['a\ud83d']], [['\ud83d', 'a']], [['\ude00']], [['a\ude00b']], [['\ud83d', '\ud83d']]])(
  '%j is refused',
  (chunks) => {
    const text = new TextChunks()
    const all = (): void => {
      for (const chunk of chunks) text.next(chunk, 'copy: source')
      text.end('copy: source')
    }
    expect(all).toThrow('copy: source: the text has half of a surrogate pair, which has no UTF-8 form')
  },
)
