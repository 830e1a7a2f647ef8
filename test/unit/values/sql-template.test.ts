/** SQL composed of parts: values become parameters and never parts of the text. */
import { describe, expect, test } from 'vitest'
import { ProgrammingError } from '../../../src-async/errors/tree.ts'
import { type Sql, format, sql } from '../../../src-async/values/sql-template.ts'

const composed = ({ text, values }: Sql): [string, unknown[]] => [text, values]

describe('sql', () => {
  test('values become parameters, in order', () => {
    expect(composed(sql`select ${1}, ${'x'}`)).toEqual(['select $1, $2', [1, 'x']])
    expect(composed(sql`select 1`)).toEqual(['select 1', []])
    expect(composed(sql`${"'; drop table x; --"}`)).toEqual(['$1', ["'; drop table x; --"]])
    expect(composed(sql`select ${null}, ${[1, 2]}`)).toEqual(['select $1, $2', [null, [1, 2]]])
  })

  test('parts are inserted, and their parameters are numbered again', () => {
    const condition = sql`price < ${10} and kind = ${'a'}`
    const table = sql.id('public', 'My "table"')
    const query = sql`select ${table}.* from ${table} where id = ${7} and ${condition} limit ${3}`
    expect(composed(query)).toEqual([
      'select "public"."My ""table""".* from "public"."My ""table""" where id = $1 and price < $2 and kind = $3 limit $4',
      [7, 10, 'a', 3],
    ])
  })

  test('join, in, raw, lit and empty', () => {
    const filters = [sql`a = ${1}`, sql`b = ${2}`]
    expect(composed(sql`where ${sql.join(filters, ' and ')}`)).toEqual(['where a = $1 and b = $2', [1, 2]])
    expect(composed(sql`values (${sql.join([1, 'x', null])})`)).toEqual(['values ($1, $2, $3)', [1, 'x', null]])
    expect(composed(sql`id in ${sql.in([1, 2])}`)).toEqual(['id in ($1, $2)', [1, 2]])
    expect(composed(sql`select 1 ${sql.empty}`)).toEqual(['select 1 ', []])
    expect(composed(sql`alter table t alter a set default ${sql.lit("it's")}`)[0]).toBe(
      "alter table t alter a set default 'it''s'",
    )
    expect(composed(sql`select now() ${sql.raw('at time zone')} ${'utc'}`)).toEqual([
      'select now() at time zone $1',
      ['utc'],
    ])
    expect(composed(sql.join([], ', '))).toEqual(['', []])
  })

  test('markers in strings, names, comments and dollar quotes are text', () => {
    expect(
      composed(sql`select '$1', "$2", ${5} -- $9
      , $f$ $3 $f$ /* $4 */`)[1],
    ).toEqual([5])
  })

  test.each([
    ['a value within quotes', () => sql`select '${'x'}'`.text, /inside quotes/],
    ['a value within a comment', () => sql`select 1 -- ${'x'}`.text, /inside quotes or a comment/],
    ['a marker that the program wrote', () => sql`select $1, ${1}`.text, /markers of its own/],
    ['a plain call', () => sql('select 1' as never), /sql is a tag/],
    ['a raw part that is not text', () => sql.raw(1 as never), /sql\.raw: expected a string/],
    ['an empty list', () => sql.in([]), /the list is empty/],
    ['an empty name', () => sql.id(''), /cannot be empty/],
    ['a name with NUL', () => sql.id('a\0'), /NUL/],
  ])('%s is refused', (_name, make, message) => {
    expect(make).toThrow(message)
  })
})

describe('format', () => {
  test.each([
    ['alter role %I password %L', ['My role', "it's"], `alter role "My role" password 'it''s'`],
    ['%s %% %2$L %1$I', ['a', 'b'], `a % 'b' "a"`],
    ['%L, %L, %s', [null, true, null], 'null, true, '],
    ['%L', ['back\\slash'], " E'back\\\\slash'"],
    ['100%%', [], '100%'],
  ])('%s', (template, values, text) => {
    expect(format(template, ...values)).toBe(text)
  })

  test.each([
    ['%I', []],
    ['%d', [1]],
    ['%', []],
    ['%5$L', [1]],
    ['%s', [{}]],
    ['%I', [null]],
  ])('%s with %o is refused', (template, values) => {
    expect(() => format(template, ...values)).toThrow(ProgrammingError)
  })
})
