/** Reads facts from a statement's text before it runs. If the text does not decide, the answer is the safe one. */
import { describe, expect, test } from 'vitest'

import { readSql } from '../../../src-sync/sqlite-shape/sql-shape.ts'

describe('the table whose row number an INSERT returns', () => {
  test.each([
    ['insert into note (text) values (?)', 'note'],
    ['INSERT INTO shop.note VALUES (1)', 'shop.note'],
    ['insert into "Weird ""name" (a) values (1) on conflict do nothing', '"Weird ""name"'],
    ['insert into "s"."t" default values', '"s"."t"'],
    ['/* new */ insert -- a note\n into note values (1);', 'note'],
    ['insert into note as n (a) values (1)', 'note'],
    ["insert into note (a) values ('returning')", 'note'],
    ['insert into note (a) values ((select max(a) from note))', 'note'],
  ])('%s', (sql, table) => {
    expect(readSql(sql).insertTarget).toBe(table)
  })

  test.each([
    ['insert into note (a) values (1) returning id'],
    ['insert into note select * from old'],
    ['with x as (select 1) insert into note values (1)'],
    ['insert into note values (1); insert into other values (1)'],
    ['insert into U&"d\\0061t" values (1)'],
    ['insert into a.b.c values (1)'],
    ['update note set a = 1'],
    ["select 'insert into note'"],
    [''],
  ])('is unknown in %s', (sql) => {
    expect(readSql(sql).insertTarget).toBe(null)
  })

  test('RETURNING is inserted before the end of the statement', () => {
    const sql = 'insert into note values (1) /* one */ ; -- done'
    expect(sql.slice(0, readSql(sql).end)).toBe('insert into note values (1)')
  })
})

describe('a cursor is declared', () => {
  test.each([
    ['select * from note', true],
    ['values (1), (2)', true],
    ['with x as (select 1) select * from x', true],
    ['select \'insert\', "update" from note -- delete', true],
    ['select * from note for update', false],
    ['select * from note for no key update', false],
    ['with x as (insert into note values (1) returning *) select * from x', false],
    ['select * into other from note', false],
    ['insert into note values (1) returning id', false],
    ['show all', false],
    ['select 1; select 2', false],
  ])('for %s: %s', (sql, expected) => {
    expect(readSql(sql).isPlainQuery).toBe(expected)
  })
})

describe('statements are counted', () => {
  test.each([
    ['select 1', 1],
    ['select 1;', 1],
    [';; -- nothing', 0],
    ["select ';'; select $$;$$", 2],
  ])('%s: %i', (sql, count) => {
    expect(readSql(sql).statementCount).toBe(count)
  })

  test('transaction control is recognized only in a statement that has nothing else', () => {
    expect(readSql('BEGIN IMMEDIATE TRANSACTION;')).toMatchObject({
      words: ['begin', 'immediate', 'transaction'],
      isWordsOnly: true,
    })
    expect(readSql('begin; commit').isWordsOnly).toBe(false)
    expect(readSql('rollback to "x"').isWordsOnly).toBe(false)
  })
})
