/** Changes that the build makes and the sources do not show (tools/esbuild-plugins.mjs) have no other effect. */
import { readdirSync, readFileSync } from 'node:fs'
import * as built from 'syncpg/async'
import { expect, test } from 'vitest'

import * as sqlstates from '../../../src-async/errors/sqlstates.ts'

const dist = new URL('../../../dist/', import.meta.url)
const files = readdirSync(dist).filter((name) => /\.c?js$/.test(name))

interface Traits {
  readonly name: string
  readonly sqlstate: string
  readonly parents: readonly string[]
  readonly own: readonly PropertyKey[]
}

function traitsOf(errorClass: { readonly name: string; readonly sqlstate: string }): Traits {
  const parents: string[] = []
  for (let at = Object.getPrototypeOf(errorClass); at !== Function.prototype; at = Object.getPrototypeOf(at)) {
    parents.push(at.name)
  }
  const own = Reflect.ownKeys(errorClass).toSorted()
  return { name: errorClass.name, sqlstate: errorClass.sqlstate, parents, own }
}

test.each(Object.entries(sqlstates))('%s is the same class as in the sources', (name, errorClass) => {
  const found = (built as unknown as Record<string, typeof errorClass>)[name]!
  expect(traitsOf(found)).toEqual(traitsOf(errorClass))
  const error = new found('it failed')
  expect([error.message, error.name, error.sqlstate]).toEqual(['it failed', name, errorClass.sqlstate])
})

test.each(files)('%s has no import of a builtin, no letter outside ASCII and no doc comment', (name) => {
  const code = readFileSync(new URL(name, dist), 'utf8')
  // The worker's file may use `require`, because no bundler reads it.
  if (name !== 'worker.cjs') expect(code).not.toMatch(/^import .* from "node:|require\("node:/m)
  // oxlint-disable-next-line no-control-regex -- all of ASCII is meant.
  expect(code).not.toMatch(/[^\0-\x7f]/)
  expect(code).not.toMatch(/^\s*\/\*\*/m)
})

test("tools that copy a program's files, such as @vercel/nft, find the worker's file", () => {
  const naming = files.filter((name) =>
    /import\([^()]*"\.\/worker\.cjs"\)/.test(readFileSync(new URL(name, dist), 'utf8')),
  )
  expect(naming).toEqual(['index.cjs'])
  // From there bundlers follow `require` with a literal.
  expect(readFileSync(new URL('worker.cjs', dist), 'utf8')).toMatch(/require\("synckit"\)/)
})
