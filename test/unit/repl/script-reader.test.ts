/** How a script is split into statements, commands, variables and lines. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { ScriptReader } from '../../../src-sync/repl/scripts/script-reader.ts'

function read(text: string, variables: Record<string, string> | ((name: string) => string) = {}): string[] {
  const variable = typeof variables === 'function' ? variables : (name: string) => variables[name]
  const reader = new ScriptReader({ variable, standardConformingStrings: () => true })
  reader.feed(text)
  reader.end()
  return itemsOf(reader)
}

function readByLines(text: string, variable: (name: string) => string | undefined): string[] {
  const reader = new ScriptReader({ variable, standardConformingStrings: () => true })
  const items: string[] = []
  for (const line of text.split(/(?<=\n)/)) {
    reader.feed(line)
    items.push(...itemsOf(reader))
  }
  reader.end()
  return [...items, ...itemsOf(reader)]
}

function itemsOf(reader: ScriptReader): string[] {
  const items: string[] = []
  for (let item = reader.next(); item !== null; item = reader.next()) {
    items.push(item.kind === 'statement' ? `${item.line}: ${item.text}` : `${item.line}: \\${item.name}${item.rest}`)
  }
  return items
}

describe('statements end', () => {
  test.each([
    ['at semicolons', 'select 1; select 2;', ['1: select 1;', '1: select 2;']],
    ['at the end of the text', 'select 1;\nselect 2', ['1: select 1;', '2: select 2']],
    ['not in strings', "select 'a;b', E'\\';', U&';', \"c;d\";", ["1: select 'a;b', E'\\';', U&';', \"c;d\";"]],
    ['not in dollar quotes', 'do $x$ a; $$ b; $x$;', ['1: do $x$ a; $$ b; $x$;']],
    ['not in comments', 'select 1 /* ; /* ; */ ; */ -- ;\n;', ['1: select 1 /* ; /* ; */ ; */ -- ;\n;']],
    [
      'not in parentheses',
      'create rule r as on insert to t do (a; b);',
      ['1: create rule r as on insert to t do (a; b);'],
    ],
    [
      'not in the body of a function',
      'create or replace function f() returns int begin atomic select case when true then 1 end; end; select 2;',
      [
        '1: create or replace function f() returns int begin atomic select case when true then 1 end; end;',
        '1: select 2;',
      ],
    ],
    ['where begin is a statement', 'begin; select 1; end;', ['1: begin;', '1: select 1;', '1: end;']],
    ['without comments before them', '-- why\n\n-- and how\nselect 1;', ['4: select 1;']],
  ])('%s', (_claim, text, items) => {
    expect(read(text)).toEqual(items)
  })
})

describe('commands', () => {
  test.each([
    ['end at the line', '\\echo a b\nselect 1;', ['1: \\echo a b', '2: select 1;']],
    ['end at the next command', '\\a \\t\n', ['1: \\a ', '1: \\t']],
    ['keep quoted backslashes', "\\echo 'a\\\\b' \\t\n", ["1: \\echo 'a\\\\b' ", '1: \\t']],
    ['may take the whole line', '\\! echo \\a\n', ['1: \\! echo \\a']],
    ['are not in strings', "select '\\d';", ["1: select '\\d';"]],
  ])('%s', (_claim, text, items) => {
    expect(read(text)).toEqual(items)
  })

  test('leave the statement before them in the buffer', () => {
    const reader = new ScriptReader({ variable: () => undefined, standardConformingStrings: () => true })
    reader.feed('select 1\n  + 1 \\gx\n')
    expect(reader.next()).toMatchObject({ kind: 'command', name: 'gx' })
    expect(reader.buffer).toBe('select 1\n  + 1 ')
  })

  test('let \\; stand for a semicolon that does not end it', () => {
    expect(read('select 1 \\; select 2;')).toEqual(['1: select 1 ; select 2;'])
  })
})

describe('a string at the end of a line that may continue on the next line', () => {
  test.each([
    ['does not end its statement if the semicolon is escaped', "select 'a'\\;\nselect 2;"],
    ['is read once with the variable behind it', "select 'a':n\n 'b';"],
    ['goes on', "select E'a'\n'\\';b';"],
  ])('%s', (_claim, text) => {
    expect(readByLines(text, () => '7')).toEqual(read(text, () => '7'))
    expect(readByLines(text, () => '7')).toHaveLength(1)
  })
})

describe('variables', () => {
  const variables = { n: '5', who: "o'x", sql: 'select 1; select 2' }

  test.each([
    [':n + :n', '5 + 5'],
    [":'who'", "'o''x'"],
    [':"who"', `"o'x"`],
    [':{?n} :{?nope}', 'TRUE FALSE'],
    [":nope :'nope'", ":nope :'nope'"],
    ['\':n\' ":n" $$:n$$ /* :n */', '\':n\' ":n" $$:n$$ /* :n */'],
    ['1::n, a := :n', '1::n, a := 5'],
  ])('%s becomes %s', (text, result) => {
    expect(read(text, variables)).toEqual([`1: ${result}`])
  })

  test('are read as if their values stood in the script', () => {
    expect(read(':sql;', variables)).toEqual(['1: select 1;', '1: select 2;'])
  })

  test('that name themselves cause no endless loop', () => {
    expect(read('select :a;', { a: ':a' })).toEqual(['1: select :a;'])
  })
})

test('the script may arrive in any pieces', () => {
  const pieces = [
    'select 1;',
    "'a",
    "b'",
    '$$',
    ';',
    '\n',
    '-- x',
    '/*',
    '*/',
    ' ',
    '(',
    ')',
    "E'\\",
    '"',
    'begin',
    ':n',
  ]
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 30 }), (parts) => {
      const text = parts.join('')
      expect(readByLines(text, () => '7')).toEqual(read(text, () => '7'))
    }),
    { numRuns: 500 },
  )
})

describe('the line of the script that a line of a statement stands on', () => {
  const linesOfStatements = (text: string): number[][] => {
    const reader = new ScriptReader({ variable: () => undefined, standardConformingStrings: () => true })
    reader.feed(text)
    reader.end()
    const found: number[][] = []
    for (let item = reader.next(); item !== null; item = reader.next()) {
      if (item.kind === 'statement') found.push(item.text.split('\n').map((_line, index) => item.lineOf(index + 1)))
    }
    return found
  }

  test.each([
    ['counts from where it begins', '\n-- why\n\nselect 1,\n 2;\n\nselect 3;', [[4, 5], [7]]],
    ['continues after commands, which are not a part of it', 'select 1\n\\x\n\\a\n, 2\n;', [[1, 4, 5]]],
    ['continues within a line after a command', 'select 1 \\x \\\\ , 2\n, 3;', [[1, 2]]],
  ])('%s', (_claim, text, lines) => {
    expect(linesOfStatements(text)).toEqual(lines)
  })
})

describe('a long text that arrives line by line is read only once', () => {
  const LINES = 40_000
  test.each([
    ['a list', 'values (0)\n', ", (1, 'it''s', 2)\n", ';'],
    ['a literal', "select '", `it''s a line of text${' '.repeat(80)}\n`, "';"],
    ['a literal with escapes', "select E'", `it\\'s a line\\\\'' of text${' '.repeat(80)}\n`, "';"],
    ['a name', 'select "', `a ""line"" of text's${' '.repeat(80)}\n`, '";'],
    ['a dollar literal', 'select $a$', `$1 $$ $b$ '${' '.repeat(90)}\n`, '$a$;'],
  ])('%s', (_, head, line, tail) => {
    const text = head + line.repeat(LINES) + tail
    // A reader that scans the text again at each line would take minutes.
    expect(readByLines(`${text}\n`, () => undefined)).toEqual([`1: ${text}`])
  })
})
