/** What a text says about its own memory. */
import { describe, expect, test } from 'vitest'

import { changesMeaning, traitsOf } from '../../src-async/values/text-traits.ts'

describe('a statement is kept', () => {
  test.each([
    ['select now()'],
    ['select a as today from t'],
    ['select "now" from t'],
    ["select 'known'"],
    ["select 'the snow'"],
    ['select 1 -- now'],
    ["select '-- ' || $1 /* 'now' */"],
    [`insert into note values ('${'now and then. '.repeat(40)}')`],
  ])('%s', (sql) => {
    expect(traitsOf(sql, true).isKeepable).toBe(true)
  })
})

describe('a statement is parsed each time', () => {
  test.each([
    ["select 'now'::timestamptz"],
    ["select timestamp ' Today 10:00'"],
    ["select '{now, 2020-01-01}'::date[]"],
    ["select '[today,tomorrow)'::daterange"],
    ["select E'yesterday'::date"],
    ['select $$now$$::timestamptz'],
    ['fetch 10 from c'],
    ['/* rows */ EXECUTE p(1)'],
    ['declare c cursor for select 1'],
  ])('%s', (sql) => {
    expect(traitsOf(sql, true).isKeepable).toBe(false)
  })
})

describe('a text changes what others mean', () => {
  test.each([
    ['set search_path = a'],
    ['SET LOCAL TimeZone TO default'],
    ["set time zone 'UTC'"],
    ['set session authorization bob'],
    ['set role bob'],
    ['/* set work_mem = 1 */ set search_path to a'],
    ["select set_config('search_path', $1, true)"],
    ['select set_config($1, $2, true)'],
    ["select set_config('app.a', '1', true), set_config('search_path', 'a', true)"],
    ['explain (analyze) create table t as select 1'],
    ['explain analyse select 1 into t'],
  ])('%s', (sql) => {
    expect([traitsOf(sql, true).changesMeaning, changesMeaning(sql, true)]).toEqual([true, true])
    expect(changesMeaning(`select 1; ${sql}; select 2`, true)).toBe(true)
  })
})

describe('a text leaves others as they are', () => {
  test.each([
    ["update t set search_path = 'a'"],
    ['set local statement_timeout = 100'],
    ['set session "work_mem" = 100'],
    ["set app.tenant = '7'"],
    ['set transaction isolation level serializable'],
    ['set session characteristics as transaction read only'],
    ["select set_config('app.tenant', $1, true)"],
    ['explain analyze select 1'],
    ['explain create table t as select 1'],
    ["select 'set search_path = a'"],
  ])('%s', (sql) => {
    expect([traitsOf(sql, true).changesMeaning, changesMeaning(sql, true)]).toEqual([false, false])
  })
})

test.each([
  ['select 1', true],
  ['(select 1) union select 2', true],
  ['-- a comment\n With a as (select 1) select * from a', true],
  ['insert into t values (1)', true],
  ['call p(1)', true],
  ['values (1)', true],
  ['savepoint a', false],
  ['commit', false],
  ['set search_path = a', false],
  ['lock table t', false],
  ['select pg_export_snapshot()', false],
  ['', false],
])('a savepoint may go around %j: %s', (sql, isGuardable) => {
  expect(traitsOf(sql, true).isGuardable).toBe(isGuardable)
})
