/** What users read in errors and in printed rows are the names of classes: the bundler must not have changed them. */
import { expect, test } from 'vitest'

/** Exported under PEP 249's or the guide's name, called otherwise inside. */
const ALIASES: Record<string, string> = { Error: 'DbError', SqlLexer: 'Lexer' }

test.each(['index.js', 'async.js'])('every class that %s exports has its name', async (file) => {
  const door = (await import(new URL(`../../../dist/${file}`, import.meta.url).href)) as Record<string, unknown>
  const classes = Object.entries(door).filter(([, value]) => typeof value === 'function' && /^class\b/.test(`${value}`))
  expect(classes.length).toBeGreaterThan(250)
  const wrong = classes.filter(([name, value]) => (value as { name: string }).name !== (ALIASES[name] ?? name))
  expect(wrong.map(([name, value]) => `${name} is called ${(value as { name: string }).name}`)).toEqual([])
})
