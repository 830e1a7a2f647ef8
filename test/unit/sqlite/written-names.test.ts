/** `names: 'as-written'`: which words of a statement are names, and which are not. */
import { describe, expect, test } from 'vitest'

import { quoteWrittenNames } from '../../../src-sync/sqlite-dialect/written-names.ts'

describe('names of mixed case are quoted', () => {
  test.each([
    ['SELECT createdAt FROM userNote', 'SELECT "createdAt" FROM "userNote"'],
    ['select n.createdAt as madeAt, Count(*) from note n', 'select n."createdAt" as "madeAt", Count(*) from note n'],
    [
      'INSERT INTO userNote (noteId) VALUES (:noteId, @noteId, $noteId)',
      'INSERT INTO "userNote" ("noteId") VALUES (:noteId, @noteId, $noteId)',
    ],
    [
      'create table if not exists userNote(noteId Integer, Date Date, x Text)',
      'create table if not exists "userNote"("noteId" Integer, "Date" Date, x Text)',
    ],
    [
      'alter table note add column isDone boolean references userNote(noteId)',
      'alter table note add column "isDone" boolean references "userNote"("noteId")',
    ],
    [
      'with topNotes(noteId) as (select 1) select * from topNotes',
      'with "topNotes"("noteId") as (select 1) select * from "topNotes"',
    ],
    [
      'select cast(isDone as Integer), isDone::Text, Date from t',
      'select cast("isDone" as Integer), "isDone"::Text, "Date" from t',
    ],
    ['create table appS.tabT(colC int)', 'create table "appS"."tabT"("colC" int)'],
    ['select appS.tabT(colC) from x', 'select "appS".tabT("colC") from x'],
    [
      'insert into t (theVal) values (1) on conflict (theVal) do update set theVal = Excluded.theVal',
      'insert into t ("theVal") values (1) on conflict ("theVal") do update set "theVal" = Excluded."theVal"',
    ],
    [
      'create table t (madeAt Timestamp With Time Zone, Zone text, id int Generated Always As Identity, x int Generated Always As (id) Stored)',
      'create table t ("madeAt" Timestamp With Time Zone, "Zone" text, id int Generated Always As Identity, x int Generated Always As (id) Stored)',
    ],
    [
      'select madeAt At Time Zone tZone, sum(x) over (Rows Between Unbounded Preceding And Current Row) from t',
      'select "madeAt" At Time Zone "tZone", sum(x) over (Rows Between Unbounded Preceding And Current Row) from t',
    ],
    ['create index onNote on userNote (createdAt)', 'create index "onNote" on "userNote" ("createdAt")'],
    ['SELECT Key, Name FROM t WHERE Value = 1', 'SELECT "Key", "Name" FROM t WHERE "Value" = 1'],
  ])('%s', (sql, expected) => {
    expect(quoteWrittenNames(sql)).toBe(expected)
  })
})

describe('text that is not a name, or is quoted already, stays unchanged', () => {
  test.each([
    'select \'createdAt\', $$createdAt$$, "createdAt" -- createdAt\n/* createdAt */ from note',
    'Select Distinct id From note Where done Is Not True Order By id Desc Nulls Last Limit 1',
    'Create Unique Index i On t (a)',
    'Create Table t (a int Primary Key, Foreign Key (a) References u (a) On Delete No Action)',
    'Insert Into t Values (Null, False) On Conflict Do Nothing',
    "select now() - Interval '1 day', Date '2024-01-02'",
    'UPDATE T SET ID = 1',
    'Begin Work',
  ])('%s', (sql) => {
    expect(quoteWrittenNames(sql)).toBe(sql)
  })

  test("SQLite's other quotes become PostgreSQL's if the option says so", () => {
    expect(quoteWrittenNames('select [a "b], `c``d` from [Order]', { isForeign: true })).toBe(
      'select "a ""b", "c`d" from "Order"',
    )
    expect(quoteWrittenNames('select a[1], b[aB] from t')).toBe('select a[1], b["aB"] from t')
  })
})
