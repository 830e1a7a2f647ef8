/** SQLite's five kinds of markers, numbered as in SQLite and sent to PostgreSQL as `$1`. */
import { describe, expect, test } from 'vitest'

import { bindParameters } from '../../../src-sync/paramstyle/bind-parameters.ts'
import { type RewrittenStatement, rewrite } from '../../../src-sync/paramstyle/rewrite.ts'

const read = (sql: string): RewrittenStatement =>
  rewrite(sql, 'sqlite', { standardConformingStrings: true, hasParameters: true })

describe('a statement with markers of SQLite', () => {
  test.each([
    ['select ?, ?', 'select $1, $2', [0, 1]],
    ['select ?2, ?1, ?2', 'select $2, $1, $2', [0, 1]],
    ['select ?3, ?', 'select $3, $4', [0, 1, 2, 3]],
    ['select :a, @a, $a, :a', 'select $1, $2, $3, $4', [':a', '@a', '$a', ':a']],
    ['select :a, ?, :a, $5, ?1', 'select $1, $2, $6, $5, $1', [':a', 1, 2, 3, 4, ':a']],
    ['select :a, ?, ?1', 'select $1, $2, $1', [':a', 1]],
    ['select $1, $2', 'select $1, $2', [0, 1]],
    ['select $2, :a', 'select $2, $3', [0, 1, ':a']],
    ['where a=?and b=:b', 'where a=$1 and b=$2', [0, ':b']],
    ['values (?,?);', 'values ($1,$2);', [0, 1]],
  ])('%s', (sql, text, order) => {
    const rewritten = read(sql)
    expect([rewritten.text, rewritten.order]).toEqual([text, order])
  })

  test.each([
    ["select '?', ':a', '@a'", 'strings'],
    ['select "a?b" -- ? :a', 'names and comments'],
    ['/* ? */ select $tag$ ? :a $tag$', 'comments and dollar quotes'],
    ['select a::text, a[1:n], @@version', 'casts, slices and operators'],
    ["select e'\\'?'", 'escape strings'],
    ['select a <@ b, b @> c', 'operators with an at sign'],
  ])('has no marker in %s (%s)', (sql) => {
    expect(read(sql)).toMatchObject({ kind: 'none', text: sql, order: [] })
  })

  test('has the operator ? where the text has ??', () => {
    expect(read('select j ?? ? and j ??| array[:k]').text).toBe('select j ? $1 and j ?| array[$2]')
  })

  test.each([
    ['select a <@b', '<@b can be read in two ways'],
    ['select ?0', 'there is no parameter ?0'],
    ['select $0', 'there is no parameter $0'],
    ['select ?65536', 'a statement can have 65535 parameters at most'],
    ['select ?99999999999999999999', 'a statement can have 65535 parameters at most'],
  ])('is refused when it is ambiguous or impossible: %s', (sql, message) => {
    expect(() => read(sql)).toThrow(message)
  })
})

describe('parameters of such a statement', () => {
  const bind = (sql: string, given: readonly unknown[] | object): readonly unknown[] => bindParameters(read(sql), given)

  test('are an array by position, whether the markers have names or not', () => {
    expect(bind('select ?, ?', [1, 2])).toEqual([1, 2])
    expect(bind('select :a, ?', [1, 2])).toEqual([1, 2])
  })

  test('are an object by name, with the prefix or without', () => {
    expect(bind('select :a, @b, $c', { a: 1, '@b': 2, c: 3 })).toEqual([1, 2, 3])
  })

  test.each([
    ['select :a, ?', { a: 1 }, 'parameter 2 of the statement has no name'],
    ['select :a', { b: 1 }, 'no value for :a: the object has "b"'],
    ['select :a', [1, 2], 'the statement has 1 parameter marker, and 2 parameters were given'],
    ['select ?', { a: 1 }, 'the statement has positional markers'],
    ["select '?'", [1], 'a marker inside quotes is text'],
  ])('are refused when they do not fit: %s', (sql, given, message) => {
    expect(() => bind(sql, given)).toThrow(message)
  })
})
