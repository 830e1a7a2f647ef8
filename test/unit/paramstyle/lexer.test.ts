/**
 * The tokens: which parts PostgreSQL reads as text, comment or name. The tests look at where the lexer finds markers.
 */
import { describe, expect, test } from 'vitest'
import { Lexer, TOKEN } from '../../../src-async/values/sql-lexer.ts'

const names = new Map(Object.entries(TOKEN).map(([name, token]) => [token as number, name]))

/** `KIND text` of each token, without single spaces. */
function tokens(sql: string, standardConformingStrings = true): string[] {
  const lexer = new Lexer(sql, standardConformingStrings)
  const found: string[] = []
  for (;;) {
    const token = lexer.next()
    if (token === TOKEN.END) return found
    const text = sql.slice(lexer.start, lexer.end)
    if (text === ' ') continue
    found.push(`${names.get(token)}${lexer.isTerminated ? '' : ' UNTERMINATED'} ${text}`)
  }
}

const table: [string, string[], string, boolean?][] = [
  ['white space is one run', ['SPACE  \t\n\v\f\r ', 'IDENTIFIER a'], ' \t\n\v\f\r a'],
  ['a no-break space begins a name, as it does to the server', ['IDENTIFIER \u00a0a'], '\u00a0a'],
  ['a line comment ends at \\n', ['COMMENT --x', 'SPACE \n', 'IDENTIFIER y'], '--x\ny'],
  ['a line comment ends at \\r', ['COMMENT --x', 'SPACE \r', 'IDENTIFIER y'], '--x\ry'],
  ['a line comment ends the text', ['NUMBER 1', "COMMENT -- it's"], "1 -- it's"],
  ['block comments nest', ['COMMENT /* a /* b */ c */', 'IDENTIFIER d'], '/* a /* b */ c */ d'],
  ['a block comment hides a quote', ["COMMENT /*'*/", "STRING 'a'"], "/*'*/ 'a'"],
  ['a block comment may be open to the end', ['COMMENT UNTERMINATED /* a /* b */ c'], '/* a /* b */ c'],
  ['/*/ opens a comment and does not close it', ['COMMENT UNTERMINATED /*/ a'], '/*/ a'],
  ['an operator ends where a comment begins', ['OTHER +', 'COMMENT --1'], '+--1'],
  ['*/* is a star and a comment', ['OTHER *', 'COMMENT /*x*/'], '*/*x*/'],
  ['a doubled quote is inside', ["STRING 'a''b'", 'IDENTIFIER c'], "'a''b' c"],
  ['a backslash is itself', ["STRING 'a\\'", 'IDENTIFIER b'], "'a\\' b"],
  ['a backslash escapes when the server says so', ["STRING 'a\\' b'"], "'a\\' b'", false],
  ['an empty string', ["STRING ''", 'IDENTIFIER a'], "'' a"],
  ['a string open to the end', ['IDENTIFIER a', "STRING UNTERMINATED 'b"], "a 'b"],
  ["E'' has escapes", ["STRING E'a\\'b'", 'IDENTIFIER c'], "E'a\\'b' c"],
  ["e'' has escapes and doubled quotes", ["STRING e'\\\\''\\''", 'IDENTIFIER c'], "e'\\\\''\\'' c"],
  ['a name that ends in e is no prefix', ['IDENTIFIER name', "STRING '\\'"], "name'\\'"],
  ["E'' ending in a backslash is open", ["STRING UNTERMINATED E'a\\"], "E'a\\"],
  ["U&'' has no backslash escapes", ["STRING U&'\\0061\\'", 'IDENTIFIER b'], "U&'\\0061\\' b"],
  ["u&'' neither, whatever the setting", ["STRING u&'\\'", 'IDENTIFIER b'], "u&'\\' b", false],
  ["B'' and x'' neither", ["STRING B'\\'", "STRING x'\\'"], "B'\\' x'\\'", false],
  ["N'' is a plain string", ['IDENTIFIER N', "STRING '\\' a'"], "N'\\' a'", false],
  ['U& before anything else is a name and an operator', ['IDENTIFIER U', 'OTHER &', 'IDENTIFIER a'], 'U&a'],
  ['a string goes on in the next line', ["STRING 'a'\n'b'"], "'a'\n'b'"],
  ['its escapes go on with it', ["STRING E'a'\n  '\\'b'", 'IDENTIFIER c'], "E'a'\n  '\\'b' c"],
  ['past a line comment', ["STRING E'a' -- it's\n '\\''"], "E'a' -- it's\n '\\''"],
  ['not past a block comment', ["STRING E'a'", 'COMMENT /**/', 'SPACE \n', "STRING '\\'"], "E'a' /**/\n'\\'"],
  ['not within a line', ["STRING E'a'", "STRING '\\'", 'IDENTIFIER b'], "E'a' '\\' b"],
  ['a quoted identifier', ['QUOTED_IDENTIFIER "a""\'b"', 'IDENTIFIER c'], '"a""\'b" c'],
  ['U&"" is one', ['QUOTED_IDENTIFIER U&"d\\0061"', 'IDENTIFIER c'], 'U&"d\\0061" c'],
  ['a quoted identifier open to the end', ['QUOTED_IDENTIFIER UNTERMINATED "a\''], '"a\''],
  ['a dollar quote without a tag', ["DOLLAR_STRING $$it's$$", 'IDENTIFIER a'], "$$it's$$ a"],
  ['a dollar quote with one', ['DOLLAR_STRING $a$ $$ $b$ $a $a$'], '$a$ $$ $b$ $a $a$'],
  ['tags are told apart by case', ['DOLLAR_STRING $a$ $A$ $a$', 'IDENTIFIER b'], '$a$ $A$ $a$ b'],
  ['a tag may have digits and letters beyond ASCII', ['DOLLAR_STRING $é1_$x$é1_$'], '$é1_$x$é1_$'],
  ['a tag cannot begin with a digit', ['NATIVE_PARAMETER $1', 'OTHER $', 'IDENTIFIER a'], '$1$ a'],
  ['a dollar goes on in an identifier', ['IDENTIFIER a$b$', 'IDENTIFIER c$$'], 'a$b$ c$$'],
  ['a dollar quote open to the end', ['DOLLAR_STRING UNTERMINATED $a$ $b$'], '$a$ $b$'],
  ['a dollar alone', ['OTHER $', 'OTHER $', 'IDENTIFIER ab'], '$ $ab'],
  ['a native parameter', ['NATIVE_PARAMETER $12', 'OTHER +', 'NATIVE_PARAMETER $1'], '$12+$1'],
  ['identifiers', ['IDENTIFIER _a1$', 'IDENTIFIER 東京', 'IDENTIFIER é'], '_a1$ 東京 é'],
  ['numbers', ['NUMBER 1.5e-3', 'NUMBER .5', 'NUMBER 1_000', 'NUMBER 1.'], '1.5e-3 .5 1_000 1.'],
  ['the dots of 1..10 are not a fraction', ['NUMBER 1', 'OTHER .', 'NUMBER .10'], '1..10'],
  ['an exponent needs digits', ['NUMBER 1', "STRING e'\\''"], "1e'\\''"],
  ['hexadecimal is a number and a word', ['NUMBER 0', 'IDENTIFIER x1F'], '0x1F'],
  [':: and := are one token', ['COLON_OPERATOR ::', 'COLON_OPERATOR :=', 'OTHER :'], ':: := :'],
  ['three colons are a cast and a colon', ['COLON_OPERATOR ::', 'OTHER :', 'IDENTIFIER a'], ':::a'],
  ['a semicolon', ['IDENTIFIER a', 'SEMICOLON ;', 'SEMICOLON ;'], 'a;;'],
]

describe('lexer', () => {
  test.each(table)('%s', (_claim, expected, sql, scs = true) => {
    expect(tokens(sql, scs)).toEqual(expected)
  })
})

const hostile: [string, string][] = [
  ['quotes', "'"],
  ['double quotes', '"'],
  ['dollars', '$'],
  ['dollar tags that never close', '$a$b'],
  ["E'' and blanks", "E''\n"],
  ['unfinished continuations', "'' --\n"],
  ['openings of comments', '/*'],
  ['dashes', '-'],
  ['backslashes in open E', "E'\\"],
  ['percents', '%'],
  ['percent parentheses', '%('],
  ['percent parentheses and letters', '%(a'],
  ['colons', ':'],
  ['brackets', '['],
  ['bracketed slices', 'a[b:c]'],
  ['question marks', '?'],
]

/** Milliseconds of processor time of this process: other work on the machine does not count. */
function processorMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** @returns the milliseconds that reading the text takes; more than `limitMs` means that it was given up then */
function timeToRead(sql: string, limitMs: number): number {
  const startedAt = processorMs()
  const lexer = new Lexer(sql, true)
  for (let count = 1; lexer.next() !== TOKEN.END; count++) {
    if (count % 1000 === 0 && processorMs() - startedAt > limitMs) break
  }
  return processorMs() - startedAt
}

/**
 * Checks that 16 times the text takes about 16 times as long. If each character is compared with each other one, it takes
 * 256 times as long. The garbage collector and the compiler may come in between, so there are several attempts.
 */
function expectLinear(textOf: (length: number) => string): void {
  const [short, long] = [textOf(62_500), textOf(1_000_000)]
  const ratios: number[] = []
  for (let attempt = 0; attempt < 5 && !(ratios.at(-1)! < 64); attempt++) {
    // A shorter time than a millisecond says more about the clock than about the lexer.
    const shortMs = Math.max(1, Math.min(timeToRead(short, Infinity), timeToRead(short, Infinity)))
    ratios.push(timeToRead(long, 100 * shortMs) / shortMs)
  }
  expect(ratios.at(-1)).toBeLessThan(64)
}

describe('a megabyte of hostile text', () => {
  test.each(hostile)('of %s is read in a time that grows with its length only', (_what, piece) => {
    expectLinear((length) => piece.repeat(length / piece.length))
  })

  test('of distinct dollar tags is too', () => {
    expectLinear((length) => Array.from({ length: length / 7 }, (_, index) => `$t${index}$`).join(' '))
  })

  test('with a tag as long as half of it is too', () => {
    expectLinear((length) => {
      const tag = `$${'a'.repeat(length / 2)}$`
      return `${tag}${`b${'a'.repeat(499)}$`.repeat(length / 1000)}`
    })
  })
})
