/** The public splitter: where statements end, where they begin, and the data of COPY between them. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { ScriptReader } from '../../../src-sync/repl/scripts/script-reader.ts'
import { splitStatements } from '../../../src-async/values/split-statements.ts'

const split = (text: string): string[] => splitStatements(text).map(({ sql, line }) => `${line}: ${sql}`)

describe('a text is split', () => {
  test.each<[string, string, string[]]>([
    ['at semicolons', 'select 1; select 2;', ['1: select 1;', '1: select 2;']],
    ['at its end', 'select 1;\r\nselect 2 -- more\n', ['1: select 1;', '2: select 2']],
    ['not in quotes', `select 'a;', E'\\';', ";" ;select U&';'`, [`1: select 'a;', E'\\';', ";" ;`, "1: select U&';'"]],
    ['not in dollar quotes', 'do $x$ a; $$ b; $x$; c', ['1: do $x$ a; $$ b; $x$;', '1: c']],
    [
      'not in nested comments',
      'select 1 /* ; /* ; */ ; */ -- ;\n; b',
      ['1: select 1 /* ; /* ; */ ; */ -- ;\n;', '2: b'],
    ],
    [
      'not in parentheses',
      'create rule r as on insert to t do (a; b);c',
      ['1: create rule r as on insert to t do (a; b);', '1: c'],
    ],
    [
      'not in begin atomic',
      'create function f() returns int\nbegin atomic\n select case when true then 1 end;\nend;\nselect 2',
      ['1: create function f() returns int\nbegin atomic\n select case when true then 1 end;\nend;', '5: select 2'],
    ],
    [
      'after the body of a function with a column that is called end',
      'create function f() returns int begin atomic select e.end from e; select 2; end; c',
      ['1: create function f() returns int begin atomic select e.end from e; select 2; end;', '1: c'],
    ],
    ['where begin is a statement', 'begin; select 1; end', ['1: begin;', '1: select 1;', '1: end']],
    ['without empty statements', ';; ; -- x\n /* y */ ; select 1;;', ['2: select 1;']],
    ['with a hint for the planner', '-- x\n/*+ SeqScan(t) */ select 1', ['2: /*+ SeqScan(t) */ select 1']],
    ['into one statement if a quote is not closed', "select 'a; select 2", ["1: select 'a; select 2"]],
    [
      'into one statement from a comment that is not closed',
      'a; /* x /* y */\nb; -- c',
      ['1: a;', '1: /* x /* y */\nb; -- c'],
    ],
    ['with an open comment in the statement that it is in', 'a /* b; c', ['1: a /* b; c']],
    ['into no statement if there is none', ' -- nothing\n', []],
  ])('%s', (_claim, text, statements) => {
    expect(split(text)).toEqual(statements)
  })

  test('and each statement has its offset', () => {
    const text = "select '😀';\n  select 2"
    expect(splitStatements(text).map(({ sql, offset }) => text.slice(offset, offset + sql.length) === sql)).toEqual([
      true,
      true,
    ])
    expect(splitStatements(text)[1]?.offset).toBe(15)
  })

  test('by the server’s setting of standard_conforming_strings', () => {
    const text = "select 'a\\'; b'; c"
    expect(splitStatements(text)).toHaveLength(2)
    expect(splitStatements(text, { standardConformingStrings: false })).toHaveLength(2)
    expect(splitStatements(text, { standardConformingStrings: false })[0]?.sql).toBe("select 'a\\'; b';")
  })

  test('as the command line’s reader splits it', () => {
    const piece = fc.constantFrom(
      ...['select', ' ', '\n', ';', '(', ')', "'a;'", '"b;"', '$$;$$', '/*;*/', 'begin', 'atomic', 'end', 'case'],
      ...['create', 'function', 'or', 'replace', '1', ','],
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const text = `${pieces.join(' ')} 1;`
        const reader = new ScriptReader({ variable: () => undefined, standardConformingStrings: () => true })
        reader.feed(text)
        reader.end()
        const read: string[] = []
        for (let item = reader.next(); item !== null; item = reader.next()) {
          // psql sends a comment, and a lone semicolon within one.
          if (item.kind === 'statement' && !/^(?:\/\*;\*\/|[\s;])*$/.test(item.text)) read.push(item.text)
        }
        expect(splitStatements(text).map(({ sql }) => sql)).toEqual(read.map((sql) => sql.trim()))
      }),
      { numRuns: 500 },
    )
  })
})

describe('the data of a COPY', () => {
  const dump = `\\restrict abc
COPY public.t (a, b) FROM stdin; -- now
1\t;'
\\\\.\t$$
\\.

copy u from STDIN with (format csv);
\\.
select 1;
\\unrestrict abc
`

  test('belongs to its statement, and is not SQL', () => {
    expect(splitStatements(dump).map(({ sql, line, copyData }) => [sql, line, copyData])).toEqual([
      ['COPY public.t (a, b) FROM stdin;', 2, "1\t;'\n\\\\.\t$$\n"],
      ['copy u from STDIN with (format csv);', 7, ''],
      ['select 1;', 9, null],
    ])
  })

  test.each([
    ['ends with the text', 'copy t from stdin;\n1\n2\n', '1\n2\n'],
    ['ends before CR and LF', 'copy t from stdin;\r\n1\r\n\\.\r\n', '1\r\n'],
    ['may be none', 'copy t from stdin', ''],
    ['ends at a line of its own only', 'copy t from stdin;\na\u2028\\.\nb\n\\.', 'a\u2028\\.\nb\n'],
  ])('%s', (_claim, text, data) => {
    expect(splitStatements(text).map(({ copyData }) => copyData)).toEqual([data])
  })

  test.each([
    'copy t to stdout; 1',
    "copy t from 'stdin'; 1",
    'copy (select a from stdin) to stdout; 1',
    'copy "from" from "stdin"; 1',
  ])('is not expected after %j', (text) => {
    expect(splitStatements(text).map(({ copyData }) => copyData)).toEqual([null, null])
  })
})

test.each([
  ['select 1;\n\\connect other\nselect 2', 'line 2: \\connect other is a command of psql, not SQL'],
  ['copy t from stdin; select 1;\n1', 'line 1: the data of a COPY follows, and its line goes on with SQL'],
  [7, 'expected a text, got the number 7'],
])('%j is refused', (text, message) => {
  expect(() => splitStatements(text as string)).toThrow(message)
})
