/** The small parts of the command line: widths, patterns, options, secrets, conditions of COPY. */
import { describe, expect, test } from 'vitest'

import { readCommandLine } from '../../../src-sync/repl/arguments.ts'
import { copyDirection } from '../../../src-sync/repl/statements/copy-statement.ts'
import { displayWidth, linesOf } from '../../../src-sync/repl/print/display-width.ts'
import { timeText } from '../../../src-sync/repl/statements/execute-sql.ts'
import { hasSecret } from '../../../src-sync/repl/prompt/history.ts'
import { readPattern } from '../../../src-sync/repl/catalog/pattern.ts'

test.each([
  ['abc', 3],
  ['漢字', 4],
  ['e\u0301', 1],
  ['👍', 2],
  ['\u200b', 0],
  ['한국', 4],
  ['ｆｕｌｌ', 8],
])('%j takes %i columns', (text, width) => {
  expect(displayWidth(text)).toBe(width)
})

test('a tab reaches the next tab stop, and other control characters are escaped', () => {
  expect(linesOf('a\tb\r\x01\n漢')).toEqual([
    { text: 'a       b\\r\\x01', width: 15 },
    { text: '漢', width: 2 },
  ])
})

test.each([
  ['Foo*', ['foo.*']],
  ['"Foo*"', ['Foo\\*']],
  ['a.b?', ['a', 'b.']],
  ['"a.b"."c""d"', ['a\\.b', 'c"d']],
  ['a$b', ['a\\$b']],
  ['GRÖSSE', ['grÖsse']],
])('the pattern %s is read as %j', (pattern, parts) => {
  expect(readPattern(pattern)).toEqual(parts)
})

test.each([
  ['copy t from stdin', 'in'],
  ['COPY "from" (a) FROM STDIN WITH (format csv)', 'in'],
  ['copy (select 1 from stdin) to stdout', 'out'],
  ["copy t from '/tmp/stdin'", null],
  ["copy t from program 'cat' ", null],
  ['select 1', null],
  ['-- copy\n copy t to STDOUT;', 'out'],
])('%s moves data %s', (sql, direction) => {
  expect(copyDirection(sql)).toBe(direction)
})

describe('options', () => {
  test('may be combined, have their values attached or separate, and end at --', () => {
    const line = readCommandLine([
      '-qtAX',
      '-F,',
      '-c',
      'select 1',
      '-vON_ERROR_STOP=1',
      '--set',
      'a=b=c',
      '--',
      'shop',
      'ada',
    ])
    expect(line).toMatchObject({
      isQuiet: true,
      readsStartFile: false,
      actions: [{ kind: 'command', text: 'select 1' }],
      variables: [
        ['ON_ERROR_STOP', '1'],
        ['a', 'b=c'],
      ],
      options: { database: 'shop', user: 'ada' },
      print: { tuplesOnly: true, format: 'unaligned', fieldSeparator: ',' },
    })
  })

  test.each(['postgres://h/d', 'host=h dbname=d', 'pglite:./data'])('%s is a connection string', (text) => {
    expect(readCommandLine([text]).dsn).toBe(text)
    expect(readCommandLine(['-d', text]).dsn).toBe(text)
  })

  test.each([[['--nosuch']], [['-k']], [['-c']], [['a', 'b', 'c']]])('%j is refused', (words) => {
    expect(() => readCommandLine(words)).toThrow(/option|argument/)
  })
})

test.each([
  ["alter user a password 'x'", true],
  ["create role a with encrypted password E'x'", true],
  ['\\c postgres://ada:lovelace@host/db', true],
  ['\\c host=h password=x', true],
  ["> db.connect({ password: 'x' })", true],
  ['select password from users', false],
  ['\\c postgres://ada@host/db', false],
])('%s holds a secret: %s', (line, isSecret) => {
  expect(hasSecret(line)).toBe(isSecret)
})

test.each([
  [1.5, 'Time: 1.500 ms'],
  [61_234, 'Time: 61234.000 ms (01:01.234)'],
  [3_723_000, 'Time: 3723000.000 ms (01:02:03.000)'],
])('%d ms are printed as %s', (elapsedMs, text) => {
  expect(timeText(elapsedMs)).toBe(text)
})
