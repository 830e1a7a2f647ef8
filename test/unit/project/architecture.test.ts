/**
 * Checks the imports of the sources against the table in docs/architecture.md. The checker itself is tested first, on
 * small invented trees that break each rule.
 */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { describe, expect, test } from 'vitest'

import { findCycles, findImports, findViolations, readImportTable, roomOf } from '../../support/import-rules.ts'
import type { SourceTree } from '../../support/import-rules.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

function readSources(): SourceTree {
  const tree = new Map<string, string>()
  for (const folder of ['src-async', 'src-sync', 'worker']) {
    for (const entry of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!entry.endsWith('.ts')) continue
      const path = `${folder}/${entry.replaceAll('\\', '/')}`
      tree.set(path, readFileSync(join(root, path), 'utf8'))
    }
  }
  return tree
}

describe('the sources', () => {
  const rooms = readImportTable(readFileSync(join(root, 'docs/architecture.md'), 'utf8'))
  const sources = readSources()

  test('import only the rooms and modules that the table allows', () => {
    expect(findViolations(sources, rooms)).toEqual([])
  })

  test('have no import cycle, not even of types', () => {
    expect(findCycles(sources)).toEqual([])
  })

  test('are found: every room that has files on disk is in the table', () => {
    expect(sources.size).toBeGreaterThan(20)
    expect(roomOf('src-async/wire/operations.ts', rooms)?.name).toBe('wire')
    expect(roomOf('worker/caller/sleeper.ts', rooms)?.name).toBe('caller')
  })
})

const table = `
Some text.

| room | files | imports | types of | loads |
| --- | --- | --- | --- | --- |
| low | \`a/low/\` | | | |
| high | \`a/high/\` | low | \`a/wire/seam.ts\` | \`node:util\` |
| wire side | \`a/wire/\` | low | | \`node:*\` \`somewhere\` |
| face | \`a/*.ts\` | high | wire-side | |
| door | \`a/index.ts\` | face | | |

More text.
`

/** A tree that breaks no rule; each test adds one file. */
function treeWith(files: Record<string, string>): SourceTree {
  const base = {
    'a/low/bytes.ts': 'export const one = 1',
    'a/high/codec.ts': "import { one } from '../low/bytes.ts'\nimport type { Seam } from '../wire/seam.ts'",
    'a/wire/seam.ts': "import { connect } from 'node:net'",
    'a/face.ts': "import { codec } from './high/codec.ts'",
    'a/index.ts': "export { face } from './face.ts'",
  }
  return new Map(Object.entries({ ...base, ...files }))
}

describe('the checker', () => {
  const rooms = readImportTable(table)

  test('finds nothing wrong with a tree that keeps the rules', () => {
    expect(findViolations(treeWith({}), rooms)).toEqual([])
    expect(findCycles(treeWith({}))).toEqual([])
  })

  test.each([
    [
      'an import from a room that the file may not use',
      'a/low/x.ts',
      "import { c } from '../high/codec.ts'",
      'a/low/x.ts:1: low may not import a/high/codec.ts',
    ],
    [
      'an import of types from a room that the file may not use',
      'a/low/x.ts',
      "import type { C } from '../high/codec.ts'",
      'a/low/x.ts:1: low may not import a/high/codec.ts',
    ],
    [
      'values where types are allowed',
      'a/high/x.ts',
      "\nimport { s } from '../wire/seam.ts'",
      'a/high/x.ts:2: high may import only types of a/wire/seam.ts',
    ],
    [
      'inline types, which leave an import behind',
      'a/high/x.ts',
      "import { type S } from '../wire/seam.ts'",
      'a/high/x.ts:1: high may import only types of a/wire/seam.ts',
    ],
    [
      'a re-export',
      'a/low/x.ts',
      "export * from '../high/codec.ts'",
      'a/low/x.ts:1: low may not import a/high/codec.ts',
    ],
    [
      'a dynamic import',
      'a/low/x.ts',
      "const c = await import('../high/codec.ts')",
      'a/low/x.ts:1: low may not import a/high/codec.ts',
    ],
    [
      'an import for effect',
      'a/low/x.ts',
      "import '../high/codec.ts'",
      'a/low/x.ts:1: low may not import a/high/codec.ts',
    ],
    [
      'a module that the file may not load',
      'a/high/x.ts',
      "import { connect } from 'node:net'",
      'a/high/x.ts:1: high may not load node:net',
    ],
    ['a required module', 'a/high/x.ts', "const n = require('node:net')", 'a/high/x.ts:1: high may not load node:net'],
    [
      'an import of the door from inside',
      'a/high/x.ts',
      "import { f } from '../index.ts'",
      'a/high/x.ts:1: high may not import a/index.ts',
    ],
    [
      'an import of a file that does not exist',
      'a/high/x.ts',
      "import { f } from './gone.ts'",
      'a/high/x.ts:1: ./gone.ts is no source file',
    ],
    ['a file that belongs to no room', 'b/x.ts', '', 'b/x.ts: belongs to no room of the table'],
  ])('reports %s', (_name, path, source, violation) => {
    expect(findViolations(treeWith({ [path]: source }), rooms)).toEqual([violation])
  })

  test.each([
    ['types of Node', 'a/high/x.ts', "import type { Socket } from 'node:net'"],
    [
      'a module and its subpaths',
      'a/wire/x.ts',
      "import x from 'somewhere'\nimport y from 'somewhere/deep'\nimport tls from 'node:tls'",
    ],
    ['files of its own room', 'a/high/x.ts', "import { c } from './codec.ts'"],
    ['types of a room named for types', 'a/other.ts', "import type { Seam } from './wire/seam.ts'"],
  ])('allows %s', (_name, path, source) => {
    expect(findViolations(treeWith({ [path]: source }), rooms)).toEqual([])
  })

  test('reports cycles, of types too, and of one file with itself', () => {
    const tree = treeWith({
      'a/low/x.ts': "import type { Y } from './y.ts'",
      'a/low/y.ts': "import { z } from './z.ts'",
      'a/low/z.ts': "export { x } from './x.ts'",
      'a/low/self.ts': "import { self } from './self.ts'",
    })
    expect(findCycles(tree)).toEqual([['a/low/x.ts', 'a/low/y.ts', 'a/low/z.ts'], ['a/low/self.ts']])
  })

  test('ignores imports in comments, strings, templates and regular expressions', () => {
    const source = [
      "// import { a } from './a.ts'",
      "/* import { b } from './b.ts' */",
      'const c = "import { c } from \'./c.ts\'"',
      "const d = `import { d } from './d.ts' ${`import('./e.ts')`} import './f.ts'`",
      'const r = /[\'"`/*]/g; const s = /[/\'"]/; const ratio = 4 / 2 / 1',
      "const quoted = 'it\\'s' + \"\\\\\"",
      'import {',
      '  type A,',
      "  b, // a comment with a quote: it's",
      "} from './real.ts'",
      "import type from './default-named-type.ts'",
      "import type Thing, { type Other } from './types.ts'",
      "export type { T } from './more-types.ts'",
      "let later: typeof import('./awaited-types.ts')",
      'const from = 1',
    ].join('\n')
    expect(findImports(source)).toEqual([
      { specifier: './real.ts', isTypeOnly: false, line: 7 },
      { specifier: './default-named-type.ts', isTypeOnly: false, line: 11 },
      { specifier: './types.ts', isTypeOnly: true, line: 12 },
      { specifier: './more-types.ts', isTypeOnly: true, line: 13 },
      { specifier: './awaited-types.ts', isTypeOnly: true, line: 14 },
    ])
  })

  test('refuses a page without the table, and a table that names an unknown room', () => {
    expect(() => readImportTable('# nothing here')).toThrow('no import table found')
    expect(() => readImportTable(table.replace('| low | `a/wire', '| lou | `a/wire'))).toThrow('which is no room')
  })
})
