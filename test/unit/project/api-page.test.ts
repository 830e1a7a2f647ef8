/** Holds docs/api.md to its word: what the locks of the doors export, and the members of their classes, is mentioned. */
import { readFileSync } from 'node:fs'

import { expect, test } from 'vitest'

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')
const page = read('docs/api.md')
/** Words in blocks and spans of code; a span between two backticks each may hold one. */
const spans = page.matchAll(/^```([^]*?)^```|``([^\n]+?)``|`([^`\n]+)`/gm)
const words = new Set([...spans].flatMap((span) => span.slice(1).join(' ').match(/\w+/g) ?? []))

/** The names a door exports: a class for every SQLSTATE is one sentence of the page. */
function exportsOf(lock: string): string[] {
  const [list = ''] = lock.split('\n\n')
  const names = list.split('\n').slice(1)
  return names.map((name) => name.trim()).filter((name) => !/(Error|Warning)$/.test(name))
}

/** What one part of a door calls of another. */
const INTERNAL = new Set([
  'Connection.notification',
  'CopyStream.finish',
  'CopyStream.abandon',
  'Pipeline.finish',
  'Pipeline.stop',
])

/** `Class.member` of each class a door exports, but what a language or a library asks for. */
function membersOf(lock: string): string[] {
  const exported = new Set(exportsOf(lock))
  return [...lock.matchAll(/^export declare (?:abstract )?class (\w+)[^\n]*\{\n([^]*?)^\}/gm)].flatMap(
    ([, name = '', body = '']) => {
      if (!exported.has(name)) return []
      const members = [...body.matchAll(/^ {4}(?:static |readonly |get |set )*([A-Za-z_]\w*)[?<(:]/gm)].map(
        ([, member = '']) => member,
      )
      return [...new Set(members)].filter((member) => !UNSAID.has(member)).map((member) => `${name}.${member}`)
    },
  )
}

const UNSAID = new Set(['constructor', 'toString', 'toJSON', 'valueOf', 'next', 'return'])

test.each(['sync', 'async'])('names all that %s.lock exports', (door) => {
  expect(exportsOf(read(`test/api/${door}.lock`)).filter((name) => !words.has(name))).toEqual([])
})

test.each(['sync', 'async'])('names the members of the classes in %s.lock', (door) => {
  const members = membersOf(read(`test/api/${door}.lock`))
  expect(members.length).toBeGreaterThan(50)
  expect(members.filter((member) => !INTERNAL.has(member) && !words.has(member.split('.')[1]!))).toEqual([])
})
