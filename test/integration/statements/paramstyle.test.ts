/**
 * Compares the lexer with the server's. The statements are full of literals of every kind. Markers inside the literals
 * are text, and there is one real marker outside. If both lexers agree, the statement has the expected number of
 * columns, and the parameter comes back in the last.
 */
import fc from 'fast-check'
import * as db from 'syncpg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { sharedServer } from '../../support/shared-server.ts'

let con: db.Connection

beforeAll(() => {
  con = db.connect(sharedServer().dsn(), { autocommit: true })
})

afterAll(() => {
  con[Symbol.dispose]()
})

/** Text that a wrong lexer misreads. */
const bait = fc.constantFrom(
  ...[
    '%s',
    '%(a)s',
    '?',
    ':a',
    ':1',
    '$1',
    '$$',
    '$t$',
    '"',
    '--',
    '/*',
    '*/',
    ';',
    '\n',
    ' ',
    'x',
    'é',
    '🦊',
    '::',
    '[1:',
  ],
)

function bodyOf(...more: string[]): fc.Arbitrary<string> {
  return fc.array(fc.oneof(bait, fc.constantFrom(...more)), { maxLength: 8 }).map((pieces) => pieces.join(''))
}

const plain = bodyOf("''").map((body) => `'${body}'`)
const withBackslash = bodyOf("''", '\\').map((body) => `'${body}'`)
const escaped = bodyOf("''", "\\'", '\\\\', '\\n')
const continued = fc
  .tuple(escaped, escaped, fc.constantFrom('\n', ' \n\t', " -- it's %s\n", '\r\n--\n'))
  .map(([first, second, gap]) => `E'${first}'${gap}'${second}'`)
const unicode = bodyOf("''", '\\\\', '\\0061').map((body) => `U&'${body}'`)
const dollar = bodyOf("'", '\\').map((body) => `$q1$${body}$q1$`)
const bits = fc.constantFrom("B'01'", "x'1F'", "N'a''b'")
const comment = fc.constantFrom('', ' ', "/* ' %s ? :a /* $$ */ */", "-- it's %s ? :a $$\n", '\n')

/** With standard_conforming_strings on, a backslash has no special meaning in a plain string. */
const literals = fc.oneof(
  withBackslash,
  escaped.map((body) => `e'${body}'`),
  continued,
  unicode,
  dollar,
  bits,
  plain,
)
/** With the setting off it escapes the next character, and the server refuses U&''. */
const oldLiterals = fc.oneof(
  escaped.map((body) => `'${body}'`),
  continued,
  dollar,
  bits,
  plain,
)

const alias = bodyOf("'").map((body) => ` as "${body.replaceAll('"', '""')}z"`)

const markers = { pyformat: '%s', qmark: '?', numeric: ':1' } as const
const styles = fc.constantFrom('pyformat', 'qmark', 'numeric') as fc.Arbitrary<keyof typeof markers>

function holds(literal: fc.Arbitrary<string>): void {
  const items = fc.array(fc.tuple(comment, literal, fc.option(alias, { nil: '' })), { maxLength: 4 })
  fc.assert(
    fc.property(items, styles, comment, (columns, style, gap) => {
      con.paramstyle = style
      const text = columns.map(([space, value, name]) => `${space}${value}${name}`)
      const row = con
        .execute(`select ${[...text, `${gap}${markers[style]}::text`].join(',')}${gap}`, ['here'])
        .fetchone()
      expect([row?.length, row?.at(-1)]).toEqual([columns.length + 1, 'here'])
    }),
    { numRuns: 400 },
  )
}

describe('a marker among literals is found where the server finds it', () => {
  test('with standard_conforming_strings', () => {
    con.execute('set standard_conforming_strings to on')
    holds(literals)
  })

  test('without, where a backslash escapes', () => {
    con.execute('set standard_conforming_strings to off; set escape_string_warning to off')
    holds(oldLiterals)
  })
})
