/** Errors and printed rows show names of classes, so the bundler must not change these names. */
import { expect, test } from 'vitest'

/** These classes are exported under the name of PEP 249 or of the guide, and have another name in the sources. */
const ALIASES: Record<string, string> = { Error: 'DbError', SqlLexer: 'Lexer' }

test.each(['index.js', 'async.js'])('every class that %s exports has its name', async (file) => {
  const door = (await import(new URL(`../../../dist/${file}`, import.meta.url).href)) as Record<string, unknown>
  const classes = Object.entries(door).filter(([, value]) => typeof value === 'function' && /^class\b/.test(`${value}`))
  expect(classes.length).toBeGreaterThan(250)
  const wrong = classes.filter(([name, value]) => (value as { name: string }).name !== (ALIASES[name] ?? name))
  expect(wrong.map(([name, value]) => `${name} is called ${(value as { name: string }).name}`)).toEqual([])
})
