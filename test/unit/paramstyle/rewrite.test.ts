/** How each paramstyle rewrites a statement, and which statements it refuses. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ProgrammingError } from '../../../src-async/errors/tree.ts'
import { Lexer, TOKEN } from '../../../src-async/values/sql-lexer.ts'
import { mapPosition } from '../../../src-sync/paramstyle/map-position.ts'
import { type ParamStyle, type RewrittenStatement, rewrite } from '../../../src-sync/paramstyle/rewrite.ts'

const STYLES: readonly ParamStyle[] = ['pyformat', 'format', 'qmark', 'numeric', 'named']

function read(sql: string, style: ParamStyle, hasParameters = true): RewrittenStatement {
  return rewrite(sql, style, { standardConformingStrings: true, hasParameters })
}

function refusal(sql: string, style: ParamStyle): ProgrammingError {
  try {
    read(sql, style)
  } catch (error) {
    if (error instanceof ProgrammingError) return error
    throw error
  }
  throw new Error(`${style} took ${sql}`)
}

const rewritten: [ParamStyle, string, string, (number | string)[]][] = [
  ['pyformat', 'select %s, %s', 'select $1, $2', [0, 1]],
  ['pyformat', 'select %(a)s, %(b)s, %(a)s', 'select $1, $2, $3', ['a', 'b', 'a']],
  ['pyformat', 'select %(a b.c)s', 'select $1', ['a b.c']],
  ['pyformat', 'values (%s,%s)', 'values ($1,$2)', [0, 1]],
  ['pyformat', "select %s::text || '%s'", "select $1::text || '%s'", [0]],
  ['pyformat', 'select 7 %% 2, %s', 'select 7 % 2, $1', [0]],
  ['pyformat', 'select 7 % 2, %s', 'select 7 % 2, $1', [0]],
  ['pyformat', 'select 7%2, %s', 'select 7%2, $1', [0]],
  ['pyformat', 'select a %(b+1), 1', 'select a %(b+1), 1', []],
  ['pyformat', 'select a %(b)desc', 'select a %(b)desc', []],
  ['pyformat', 'select a %> %s', 'select a %> $1', [0]],
  ['pyformat', "like 'a%' and x = %s", "like 'a%' and x = $1", [0]],
  ['pyformat', "like 'a%%b%%%' and %s", "like 'a%b%%' and $1", [0]],
  ['pyformat', 'select "50%%" from t', 'select "50%" from t', []],
  ['pyformat', 'do $$ a %% b $$', 'do $$ a % b $$', []],
  ['pyformat', '/* 100%% %s */ select %s -- %%', '/* 100%% %s */ select $1 -- %%', [0]],
  ['pyformat', "select 1 /* %% */ , '%%', %s", "select 1 /* %% */ , '%', $1", [0]],
  ['pyformat', 'limit%s', 'limit $1', [0]],
  ['pyformat', 'where a=%sand b=%s', 'where a=$1 and b=$2', [0, 1]],
  ['pyformat', 'select %(a)s1', 'select $1 1', ['a']],
  ['pyformat', 'where a$%s', 'where a$ $1', [0]],
  ['pyformat', "E'\\'%s' || %s", "E'\\'%s' || $1", [0]],
  ['pyformat', 'select ? -> :a', 'select ? -> :a', []],
  ['format', 'select %s', 'select $1', [0]],
  ['format', 'select %(a)s', 'select $1', ['a']],
  ['qmark', 'select ?, ?', 'select $1, $2', [0, 1]],
  ['qmark', 'where a=? and b=?', 'where a=$1 and b=$2', [0, 1]],
  ['qmark', "where j ?? 'a' and b=?", "where j ? 'a' and b=$1", [0]],
  ['qmark', 'where j ??| ? and k ??& ? and l @?? ?', 'where j ?| $1 and k ?& $2 and l @? $3', [0, 1, 2]],
  ['qmark', 'select \'?\', "?", $$?$$, ? -- ?', 'select \'?\', "?", $$?$$, $1 -- ?', [0]],
  ['qmark', 'select %s %% :a', 'select %s %% :a', []],
  ['numeric', 'select :1, :2, :1', 'select $1, $2, $1', [0, 1]],
  ['numeric', 'select :2', 'select $2', [0, 1]],
  ['numeric', 'select a[1:2], a[:2], a[:1]', 'select a[1:2], a[$2], a[$1]', [0, 1]],
  ['numeric', 'select :1::int', 'select $1::int', [0]],
  ['numeric', 'select :name', 'select :name', []],
  ['named', 'select :a, :b, :a', 'select $1, $2, $3', ['a', 'b', 'a']],
  ['named', 'select :a::int, b::text', 'select $1::int, b::text', ['a']],
  ['named', 'call f(x := :x, y:=:y)', 'call f(x := $1, y:=$2)', ['x', 'y']],
  ['named', 'select a[1:n], a[i:j], a[(i):n]', 'select a[1:n], a[i:j], a[(i):n]', []],
  ['named', 'select a[:x]', 'select a[$1]', ['x']],
  ['named', 'select a[ : x], a[1 :n]', 'select a[ : x], a[1 :n]', []],
  ['named', 'select a[:x:y]', 'select a[$1:y]', ['x']],
  ['named', 'select a[b[1]:n], a["q":n]', 'select a[b[1]:n], a["q":n]', []],
  ['named', 'select a[f(:x):n]', 'select a[f($1):n]', ['x']],
  ['named', 'select a[1 + :x]', 'select a[1 + $1]', ['x']],
  ['named', 'select array[1, :x], array[[:x], [:y]]', 'select array[1, $1], array[[$2], [$3]]', ['x', 'x', 'y']],
  ['named', 'select array[case when :x then 1 end]', 'select array[case when $1 then 1 end]', ['x']],
  ['named', 'select a[case when :x then :y end]', 'select a[case when $1 then $2 end]', ['x', 'y']],
  ['named', "select '12:30'::time, :t", "select '12:30'::time, $1", ['t']],
  ['named', 'select :größe', 'select $1', ['größe']],
  ['named', 'select :1', 'select :1', []],
  ['named', 'select %s, ?', 'select %s, ?', []],
]

describe('rewriting', () => {
  test.each(rewritten)('%s: %s', (style, sql, text, order) => {
    const { text: foundText, order: foundOrder } = read(sql, style)
    expect([foundText, foundOrder]).toEqual([text, order])
  })

  test.each(STYLES)('%s accepts $1, and leaves such a text unchanged', (style) => {
    const sql = "select $2 % 3, 10 %d, '%%', $1 /* ? */, '??'"
    expect(read(sql, style)).toMatchObject({ text: sql, kind: 'native', order: [0, 1], edits: [] })
  })

  test.each(STYLES)('%s without parameters leaves the text as it is', (style) => {
    const sql = "select '%%', %s, %(a)s, %d, ?, ??, :a, :1, $1"
    expect(read(sql, style, false)).toMatchObject({ text: sql, kind: 'none', order: [], statementCount: 1 })
  })

  test("a backslash escapes a quote, and hides the marker after it, only with the server's old setting", () => {
    const sql = "select 'a\\', %s -- '"
    expect(read(sql, 'pyformat').order).toEqual([0])
    const off = rewrite(sql, 'pyformat', { standardConformingStrings: false, hasParameters: true })
    expect(off.order).toEqual([])
  })

  test('the same text is read once', () => {
    expect(read('select %s -- once', 'pyformat')).toBe(read('select %s -- once', 'pyformat'))
  })

  test('a long text, or one with many markers, is not remembered', () => {
    const long = `select %s -- ${'x'.repeat(20_000)}`
    const many = `select ${'%s,'.repeat(101)}1`
    expect(read(long, 'pyformat')).not.toBe(read(long, 'pyformat'))
    expect(read(many, 'pyformat')).not.toBe(read(many, 'pyformat'))
  })

  test('the least recently used texts are forgotten first', () => {
    const first = read('select %s -- first', 'pyformat')
    for (let index = 0; index < 600; index++) {
      read(`select %s -- ${index}`, 'pyformat')
      expect(read('select %s -- first', 'pyformat')).toBe(first)
    }
    const second = read('select %s -- second', 'pyformat')
    for (let index = 0; index < 600; index++) read(`select %s, ${index}`, 'pyformat')
    expect(read('select %s -- second', 'pyformat')).not.toBe(second)
  })
})

const counts: [string, number][] = [
  ['', 0],
  [' -- nothing\n/* ; */ ;;', 0],
  ['select 1', 1],
  ['select 1;', 1],
  ['select 1; -- done;', 1],
  [';select 1', 1],
  ['select 1; select 2', 2],
  ['select \';\'; select $$;$$; select ";"', 3],
  ['create rule r as on insert to t do (select 1; select 2)', 2],
  ['select 1;;;/* */; select 2;', 2],
]

test.each(counts)('%j has %i statements', (sql, count) => {
  expect(read(sql, 'pyformat', false).statementCount).toBe(count)
})

const refused: [ParamStyle, string, RegExp, number][] = [
  ['pyformat', 'select %d', /%d is not a parameter marker/, 8],
  ['pyformat', 'select %(a)d', /%\(a\)d is not a parameter marker/, 8],
  ['pyformat', 'select a %b', /%b is not a parameter marker/, 10],
  ['pyformat', 'select %s, %(a)s', /mixes the markers %s and %\(a\)s/, 12],
  ['pyformat', 'select %(a)s, $1', /mixes the markers %\(a\)s and \$1/, 15],
  ['pyformat', 'select %s1', /%s is followed by a digit/, 8],
  ['pyformat', 'select %s /* open', /comment that begins with \/\* is never closed/, 11],
  ['qmark', 'select ?, $1', /mixes the markers \? and \$1/, 11],
  ['qmark', 'select ?1', /\? is followed by a digit/, 8],
  ['numeric', 'select :0', /no parameter :0/, 8],
  ['numeric', 'select :1, $1', /mixes the markers :1 and \$1/, 12],
  ['numeric', 'select :65536', /65535 parameters at most/, 8],
  ['numeric', `select :${'9'.repeat(400)}`, /65535 parameters at most/, 8],
  ['named', 'select :a, $1', /mixes the markers :a and \$1/, 12],
  ['named', 'select $65536', /65535 parameters at most/, 8],
  ['pyformat', `select 1${',%s'.repeat(65_536)}`, /65535 parameters at most/, 196_615],
]

describe('refusals', () => {
  test.each(refused)('%s: %.40s', (style, sql, message, position) => {
    const error = refusal(sql, style)
    expect(error.message).toMatch(message)
    expect([error.position, error.query]).toEqual([position, sql])
  })

  test('show the line of the statement', () => {
    expect(refusal("select '🦊',\n  %d", 'pyformat').message).toBe(
      '%d is not a parameter marker\nLINE 2:   %d\n          ^\nHINT:  a marker is always %s or %(name)s, ' +
        'for every type; for the operator write %%, or a blank after the %',
    )
  })

  test('65,535 parameters are taken', () => {
    expect(read(`select 1${',?'.repeat(65_535)}`, 'qmark').order).toHaveLength(65_535)
  })

  test('a quote that is never closed is left to the server', () => {
    expect(read("select %s, 'a", 'pyformat')).toMatchObject({ text: "select $1, 'a", unterminatedAt: 11 })
  })
})

/** Pieces with a meaning for the lexer, and others that make trouble together with them. */
const piece = fc.constantFrom(
  ...["'", "''", '"', '$$', '$a$', '$1', '%s', '%%', '%', '%(a)s', '%(', ')', '?', '??', ':', '::', ':=', ':a', ':1'],
  ...[
    '[',
    ']',
    '(',
    "E'",
    "U&'",
    'U&"',
    '\\',
    '--',
    '\n',
    '/*',
    '*/',
    ';',
    'a',
    'array',
    '1',
    '1.5',
    ' ',
    'é',
    '🦊',
    '$',
  ],
)
const nasty = fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join(''))
const anyStyle = fc.constantFrom(...STYLES)

describe('for any text', () => {
  test('rewriting throws nothing but ProgrammingError', () => {
    fc.assert(
      fc.property(
        nasty,
        anyStyle,
        fc.boolean(),
        fc.boolean(),
        (sql, style, standardConformingStrings, hasParameters) => {
          try {
            rewrite(sql, style, { standardConformingStrings, hasParameters })
          } catch (error) {
            expect(error).toBeInstanceOf(ProgrammingError)
          }
        },
      ),
      { numRuns: 5000 },
    )
  })

  test('without markers and doubled signs rewriting is the identity', () => {
    fc.assert(
      fc.property(nasty, anyStyle, (sql, style) => {
        const plain = sql.replaceAll('%', '').replaceAll('?', '').replaceAll(':', '')
        if (!closesComments(plain)) return
        expect(read(plain, style).text).toBe(plain)
      }),
      { numRuns: 3000 },
    )
  })

  test('the rewritten text has the same quotes, comments and statements as before', () => {
    fc.assert(
      fc.property(nasty, anyStyle, (sql, style) => {
        const before = attempt(sql, style)
        if (before === null || before.kind === 'native') return
        expect(read(before.text, style, false).statementCount).toBe(before.statementCount)
        // `$1` must not join the text beside it and become another marker or a word.
        expect(nativeParameters(before.text)).toBe(before.order.length)
      }),
      { numRuns: 5000 },
    )
  })

  test('a position outside the markers maps to the same character', () => {
    fc.assert(
      fc.property(nasty, anyStyle, (sql, style) => {
        const found = attempt(sql, style)
        if (found === null) return
        const [source, text] = [[...found.source], [...found.text]]
        let previous = 0
        for (let position = 1; position <= text.length; position++) {
          const mapped = mapPosition(found, position)
          expect(mapped).toBeGreaterThanOrEqual(previous)
          if (!/[$%?: \d]/.test(text[position - 1]!)) expect(source[mapped - 1]).toBe(text[position - 1])
          previous = mapped
        }
        expect(mapPosition(found, text.length + 1)).toBe(source.length + 1)
      }),
      { numRuns: 3000 },
    )
  })
})

function attempt(sql: string, style: ParamStyle): RewrittenStatement | null {
  try {
    return read(sql, style)
  } catch {
    return null
  }
}

/** The highest `$n` that the lexer finds. */
function nativeParameters(sql: string): number {
  const lexer = new Lexer(sql, true)
  let highest = 0
  for (let token = lexer.next(); token !== TOKEN.END; token = lexer.next()) {
    if (token !== TOKEN.NATIVE_PARAMETER) continue
    highest = Math.max(highest, Number(sql.slice(lexer.start + 1, lexer.end)))
  }
  return highest
}

function closesComments(sql: string): boolean {
  return attempt(sql, 'qmark') !== null
}

const positions: [ParamStyle, string, string, string][] = [
  ['pyformat', 'select %s, oops', 'oops', 'oops'],
  ['pyformat', 'select %(long_name)s, %(long_name)s, oops', 'oops', 'oops'],
  ['pyformat', "select '🦊%%', %s, oops", 'oops', 'oops'],
  ['pyformat', 'select %s, %s', '$2', '%s'],
  ['pyformat', 'limit%s, oops', '$1', '%s'],
  ['named', 'select a[1:2], :x, oops', 'oops', 'oops'],
  ['qmark', 'select j ?? ?, oops', 'oops', 'oops'],
]

describe('positions', () => {
  test.each(positions)('%s: in %s that of %s is that of %s', (style, sql, inText, inSource) => {
    const found = read(sql, style)
    const at = [...found.text.slice(0, found.text.lastIndexOf(inText))].length + 1
    expect(mapPosition(found, at)).toBe([...sql.slice(0, sql.lastIndexOf(inSource))].length + 1)
  })
})
