/** Reads from a text whether its statement may be kept. */
import { describe, expect, test } from 'vitest'

import { changesMeaning, traitsOf } from '../../../src-async/values/text-traits.ts'

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

describe('a text changes the meaning of others', () => {
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
    ["update pg_catalog.pg_settings set setting = 'off' where name = 'array_nulls'"],
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
  ['select pg_export_snapshot()', true],
  ['', false],
])('a savepoint may go around %j: %s', (sql, isGuardable) => {
  expect(traitsOf(sql, true).isGuardable).toBe(isGuardable)
})

describe('a text that may run within a savepoint', () => {
  test.each([
    ['select 1'],
    ['select count(*) from t where a in (1, 2) and b = any($1) and (c or d)'],
    [
      'with a as (select 1), b as materialized (table t) select pg_catalog.lower(x::varchar(3)) from a join lateral (b) on (true)',
    ],
    ['select sum(a) filter (where b) over (partition by c order by d) from t group by grouping sets ((a), ())'],
    ['select cast(a as numeric(3, 1)) from generate_series(1, 2) as g(a)'],
  ])('%s', (sql) => {
    expect(traitsOf(sql, true)).toMatchObject({ onlyReads: true, callsUnknown: false })
  })

  test.each([
    ['select f(1)', true],
    ['select "f" (1)', true],
    ['select public . f(1)', true],
    ['select "public"."lower"(1)', true],
    ['select f /* so */ (1)', true],
    ["select set_config('work_mem', '1MB', true)", true],
    ['select pg_current_xact_id()', true],
    ['select xmin from t', false],
    ['select 1 into t', false],
    ['with a as (delete from t returning 1) select * from a', false],
    ['insert into "T" ("a", b) values (now(), coalesce($1, 2)) on conflict (a) do nothing returning a', false],
    ['insert into s.t as x (a) select 1', false],
    ['call p(1)', true],
  ])('is not %s', (sql, callsUnknown) => {
    expect(traitsOf(sql, true)).toMatchObject({ onlyReads: false, callsUnknown })
  })

  test.each([
    ['insert into t values (1)', false],
    ['insert into t values (1) returning a', true],
    ['with a as (select 1) insert into t table a', true],
    ['select 1', true],
  ])('%s: may give rows: %s', (sql, mayGiveRows) => {
    expect(traitsOf(sql, true).mayGiveRows).toBe(mayGiveRows)
  })
})
