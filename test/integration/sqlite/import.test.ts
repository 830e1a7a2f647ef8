/** `syncpg sqlite-import`: files that SQLite made, moved into a server, and read back through `DatabaseSync`. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import * as db from 'syncpg'
import { DatabaseSync } from 'syncpg/sqlite-shape'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { findDialect } from '../../../src-sync/sqlite-dialect/read-dialect.ts'
import { statementsOf } from '../../../src-sync/sqlite-dialect/sqlite-text.ts'
import { askServer, createDatabase, sharedServer } from '../../support/shared-server.ts'
import { readSqlite, sqliteNode, writeSqlite } from '../../support/sqlite-node.ts'
import { type ProgramRun, runProgram } from '../../support/run-program.ts'

const fixtures = fileURLToPath(new URL('../../support/fixtures/sqlite/', import.meta.url))
const cli = fileURLToPath(new URL('../../../dist/cli.js', import.meta.url))
const fixture = (name: string): string => readFileSync(join(fixtures, name), 'utf8')

let folder: string
let dsn: string
let con: db.Connection
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'syncpg-import-'))
  await createDatabase(sharedServer(), 'sqlite_import')
  dsn = sharedServer().dsn({ transport: 'unix', database: 'sqlite_import' })
  con = db.connect(dsn, { autocommit: true })
})
afterAll(async () => {
  con.close()
  await askServer(sharedServer(), 'drop database sqlite_import with (force)')
  rmSync(folder, { recursive: true })
})

function run(program: string, words: readonly string[]): Promise<ProgramRun> {
  return runProgram(program, [cli, 'sqlite-import', ...words])
}

let count = 0
/** Makes a file by SQL and moves it into a schema of its own. */
async function move(
  sql: string,
  ...words: string[]
): Promise<ProgramRun & { readonly schema: string; readonly path: string }> {
  const schema = `moved_${++count}`
  const path = join(folder, `${schema}.db`)
  writeSqlite(path, sql)
  return { ...(await run(sqliteNode!, [`--schema=${schema}`, ...words, path, dsn])), schema, path }
}

function typesOf(schema: string): Record<string, string> {
  const rows = con.fetch(
    `select relname || '.' || attname, format_type(atttypid, atttypmod) from pg_attribute join pg_class c on c.oid = attrelid
     where relnamespace = $1::text::regnamespace and relkind = 'r' and attnum > 0 and not attisdropped order by c.oid, attnum`,
    [schema],
  )
  return Object.fromEntries(rows.map((row) => [String(row[0]), String(row[1])]))
}

const hasTables = (schema: string): number =>
  Number(
    con.fetchval(
      "select count(*)::int from pg_class where relkind = 'r' and relnamespace = to_regnamespace($1::text)",
      [schema],
    ),
  )

function opened(schema: string): DatabaseSync {
  const connection = { serverSettings: { search_path: schema } }
  return new DatabaseSync(dsn, { names: 'as-written', readBigInts: true, connection })
}

function failsWithHint(moved: DatabaseSync, sql: string): boolean | string {
  try {
    moved.prepare(sql).all(sql.includes(':search') ? { search: '%' } : {})
    return false
  } catch (error) {
    return /HINT/.test((error as Error).message) ? true : String(error)
  }
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : `${value}n`
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value
}

describe.skipIf(sqliteNode === null)('five public schemas', () => {
  /** The parts of the report about changes, and about objects that could not be made. */
  const CHANGED: Record<string, (text: string) => string> = {
    sakila: (text) => text.replaceAll('22:04:36.000', '22:04:36'),
    places: (text) => text.replace('"value":12', '"value":"12"'),
    anki: (text) => text.replace('"sfld":42', '"sfld":"42"'),
  }
  const MISSING: Record<string, string[]> = {
    northwind: ['view Invoices By Year'],
    sakila: ['trigger film_trigger_au'],
    anki: ['trigger todoTouched'],
  }

  test.each(['chinook', 'northwind', 'sakila', 'places', 'anki'])(
    '%s keeps its data, and its queries behave as check says',
    async (name) => {
      const { status, stdout, stderr, schema, path } = await move(fixture(`${name}.sql`))
      const missing = MISSING[name] ?? []
      expect([status, stderr]).toEqual([missing.length > 0 ? 1 : 0, ''])
      for (const thing of missing) expect(stdout).toContain(`  ${thing}: `)
      using moved = opened(schema)
      const source = readSqlite(path)
      const found = Object.fromEntries(
        Object.keys(source).map((table) => [
          table,
          moved
            .prepare(`select * from "${table}" order by 1, 2`)
            .all()
            .map((row) => Object.fromEntries(Object.entries(row as object).map(([key, value]) => [key, plain(value)]))),
        ]),
      )
      const expected = JSON.stringify(source)
      expect(found).toEqual(JSON.parse(CHANGED[name]?.(expected) ?? expected))
      const queries = fixture(`${name}-queries.sql`)
      const outcomes = statementsOf(queries).map(({ start, end }) => {
        const sql = queries.slice(start, end)
        const fails = findDialect(sql).some(({ rule }) => rule.effect === 'fails')
        // The text does not show that the column is a boolean. The error does.
        return { sql, expected: fails || sql.includes('isDone = 1'), hinted: failsWithHint(moved, sql) }
      })
      expect(outcomes.filter(({ expected, hinted }) => expected !== hinted)).toEqual([])
    },
  )
})

describe.skipIf(sqliteNode === null)('types', () => {
  test('are chosen by affinity and by the values', async () => {
    const { schema, stdout } = await move(`
      create table t (
        id integer primary key, small int, big int, key_like bigint, real_in_int integer, text_in_int integer, r real, dec decimal(5,2),
        dec_more decimal(5,2), dec_any numeric, huge numeric, flag boolean, flag_two boolean, day date, at datetime, made_at text, label text,
        iso_at text, epoch_at datetime, uid uuid, j json, j_bad json, b blob, mixed blob, untyped, inf real, name varchar(3)
      );
      insert into t values (1, 5, 3000000000, 1, 1.5, 'x', 1.25, 1.5, 1.555, 1, 9007199254740993, 1, 2, '2024-02-29', '2024-01-02 03:04:05',
        '2024-01-02 03:04:05', '2024-01-02', '2024-01-02T03:04:05.678Z', 1704164645, '0b5ad3ee-7d92-4c4b-9ed1-d1e6ea5a9b9f', '{"a":1}', '{',
        x'00ff', x'41', 7, 9e999, 'abcdef'),
        (2, null, null, null, 1, 5, 2, 2, 2, 2.5, 0.1, 0, 0, null, null, null, 'x', null, null, null, null, null, null, 'text', null, 1e300, null);`)
    expect(typesOf(schema)).toEqual({
      't.id': 'bigint',
      't.small': 'integer',
      't.big': 'bigint',
      't.key_like': 'bigint',
      't.real_in_int': 'double precision',
      't.text_in_int': 'text',
      't.r': 'double precision',
      't.dec': 'numeric(5,2)',
      't.dec_more': 'numeric',
      't.dec_any': 'numeric',
      't.huge': 'numeric',
      't.flag': 'boolean',
      't.flag_two': 'integer',
      't.day': 'date',
      't.at': 'timestamp without time zone',
      't.made_at': 'timestamp without time zone',
      't.label': 'text',
      't.iso_at': 'timestamp with time zone',
      't.epoch_at': 'bigint',
      't.uid': 'uuid',
      't.j': 'jsonb',
      't.j_bad': 'text',
      't.b': 'bytea',
      't.mixed': 'bytea',
      't.untyped': 'integer',
      't.inf': 'double precision',
      't.name': 'text',
    })
    for (const words of [
      't.flag: numbers 0 and 1',
      't.text_in_int: INTEGER holds other values',
      't.dec_more: 1 values do not fit',
      't.mixed: blobs and other',
    ]) {
      expect(stdout).toContain(words)
    }
    const row = con.fetchrow(
      `select huge::text, inf::text, mixed, iso_at::text, text_in_int, dec_more::text from ${schema}.t where id = 1`,
    )!
    expect([...row].map(plain)).toEqual(
      ['9007199254740993', 'Infinity', '41', '2024-01-02 03:04:05.678+00', 'x', '1.555'].map((text) => text),
    )
  })

  test('keep values at the ends of their ranges, invalid dates, texts that are not UTF-8, and names with quotes', async () => {
    const { schema, stdout } = await move(`
      create table "weird ""name" ("a b" integer primary key, n int, d date, t time, v text, dec decimal(4, 1));
      insert into "weird ""name" values (-9223372036854775808, 9223372036854775807, '2024-02-30', '25:00:00', cast(x'e9' as text), -9223372036854775808);`)
    const row = con.fetchrow(`select "a b"::text, n::text, d, t, v, dec::text from ${schema}."weird ""name"`)!
    const [lowest, highest] = ['-9223372036854775808', '9223372036854775807']
    expect([...row]).toEqual([lowest, highest, '2024-02-30', '25:00:00', '\uFFFD', lowest])
    expect(stdout).toContain('weird "name.v: 1 texts hold U+FFFD')
    expect(stdout).toContain('weird "name.d: DATE holds other values: it became text')
  })

  test('are those of --type, and one that does not fit leaves nothing behind', async () => {
    const sql = "create table t (id integer primary key, at integer, note text); insert into t values (1, 5, 'x')"
    expect(typesOf((await move(sql, '--type=t.at=smallint', '--type', 't.note=varchar(10)')).schema)).toEqual({
      't.id': 'bigint',
      't.at': 'smallint',
      't.note': 'character varying(10)',
    })
    const failed = await move(sql, '--type=t.note=integer')
    expect([failed.status, failed.stdout, hasTables(failed.schema)]).toEqual([2, '', 0])
    expect(failed.stderr).toMatch(/^syncpg sqlite-import: error: invalid input syntax for type integer: "x"/)
    expect((await move(sql, '--type=t.nosuch=text')).stderr).toContain('the file has no column t.nosuch')
    expect((await move(sql, '--type=t.note=text; drop table x')).stderr).toContain('expected table.column=type')
  })

  test.each([
    [
      String.raw`create table t (a int, j json); insert into t values (1, '{}'), (2, '"\u0000"')`,
      'in t.j, row 2: --type t.j=text',
    ],
    [String.raw`create table t (j json); insert into t values ('"\ud800"')`, 'in t.j, row 1: --type t.j=text'],
    [
      'create table t (id integer primary key, xmin int)',
      't.xmin: PostgreSQL itself uses this column name in every table',
    ],
  ])('a value that cannot be moved is an error with its place and a hint: %s', async (sql, words) => {
    const { status, stderr, schema } = await move(sql)
    expect([status, stderr, hasTables(schema)]).toEqual([2, expect.stringContaining(words), 0])
    expect(stderr.trim().split('\n')).toHaveLength(1)
  })

  test('an empty column takes the type of the column that it refers to', async () => {
    const { schema, status } = await move(
      'create table p (code text primary key); create table c (p_code integer references P (CODE))',
    )
    expect([status, typesOf(schema)]).toEqual([0, { 'p.code': 'text', 'c.p_code': 'text' }])
  })
})

describe.skipIf(sqliteNode === null)('objects that depend on the tables', () => {
  test('sequences continue after the highest number, and those of AUTOINCREMENT after deleted numbers too', async () => {
    const { schema } = await move(`
      create table a (id integer primary key, v text); insert into a values (41, 'x');
      create table b (id integer primary key autoincrement, v text); insert into b values (9, 'x'); delete from b;
      create table c (id integer primary key, v text);`)
    const next = ['a', 'b', 'c'].map((table) =>
      con.fetchval(`insert into ${schema}.${table} (v) values ('y') returning id::int`),
    )
    expect(next).toEqual([42, 10, 1])
  })

  test('defaults are kept, also those of the current time', async () => {
    const { schema } = await move(`create table t (
      id integer primary key, n integer default (3), s text default "dq", q text default 'it''s', x blob default x'41', z text default null,
      at text default (datetime('now')), stamp datetime default current_timestamp, day date default (date('now')), secs integer default (strftime('%s', 'now')),
      flag boolean default 1, uid text default (lower(hex(randomblob(16)))))`)
    con.execute(`insert into ${schema}.t (id) values (1)`)
    const row =
      con.fetchrow(`select n::int, s, q, x, z, abs(extract(epoch from at::timestamp - (now() at time zone 'utc'))) < 60,
      abs(extract(epoch from stamp - (now() at time zone 'utc'))) < 60, day = (now() at time zone 'utc')::date, abs(secs - extract(epoch from now())) < 60, flag, uid from ${schema}.t`)!
    expect([...row].map(plain)).toEqual([3, 'dq', "it's", '41', null, true, true, true, true, true, null])
  })

  test("computed columns stay computed, or keep SQLite's values", async () => {
    const { schema, stdout, status } = await move(`
      create table t (a text, up text generated always as (upper(a)) virtual, part text as (iif(a = 'x', 'one', 'two')) stored);
      insert into t (a) values ('x');`)
    expect(stdout).toContain(
      "t.part is no longer computed, and holds the values that SQLite computed: PostgreSQL refuses iif(a = 'x'",
    )
    expect(status).toBe(1)
    con.execute(`update ${schema}.t set a = 'y'`)
    expect([...con.fetchrow(`select a, up, part from ${schema}.t`)!]).toEqual(['y', 'Y', 'one'])
  })

  test("computed columns that PostgreSQL would compute differently have SQLite's values", async () => {
    const { schema, stdout, status } = await move(`
      create table person (
        id integer primary key, phone text, score real, same real as (score * 2) stored,
        last4 text generated always as (substr(phone, -4)) stored, rounded integer as (round(score)) virtual,
        whole integer generated always as (cast(score as integer)) stored, kilos integer as (cast(phone as integer)) stored,
        twice integer as (whole * 2) stored);
      insert into person (phone, score) values ('0170-5551234', 2.5), ('0171-5559876', 2.7), (null, null);`)
    expect(status).toBe(1)
    for (const column of ['last4', 'rounded', 'whole', 'kilos']) {
      expect(stdout).toContain(`person.${column} is no longer computed, and holds the values that SQLite computed`)
    }
    expect(stdout).toContain('PostgreSQL computes substr(phone, -4) differently, in 2 rows')
    expect(stdout).toContain('hint: substr(s, -2) counts from the end only in SQLite: write right(s, 2)')
    expect(stdout).not.toContain('person.same')
    const rows = con.fetch(`select last4, rounded, whole, kilos, twice from ${schema}.person order by id`)
    expect(rows.map((row) => [...row].map(plain))).toEqual([
      ['1234', 3, 2, 170, 4],
      ['9876', 3, 2, 171, 4],
      [null, null, null, null, null],
    ])
    const names =
      "select count(*)::int from information_schema.columns where table_schema = $1 and column_name like 'syncpg%'"
    expect(con.fetchval(names, [schema])).toBe(0)
  })

  test('the report lists defaults, views, checks and indexes that give other results', async () => {
    const { stdout, status } = await move(`
      create table t (id integer primary key, token integer default (random()), s text check (s like 'a%'));
      create view v as select id, substr(s, -4) as last4 from t;
      create index i on t (substr(s, -4));
      create view plain as select id from t;`)
    expect(status).toBe(1)
    expect(stdout).toContain('created, but gives other results than in SQLite:')
    for (const what of ['default of t.token: random()', 'view v: substr', 'index i: substr', 'CHECK of t: LIKE']) {
      expect(stdout).toContain(`  ${what}`)
    }
    expect(stdout).not.toContain('view plain')
  })

  test('the report lists foreign keys that rows violate, and they apply to new rows', async () => {
    const { schema, stdout, status } = await move(`
      create table p (id integer primary key); create table c (p_id integer references p (id) on delete cascade);
      insert into c values (5), (6);`)
    expect([status, stdout]).toEqual([
      0,
      expect.stringContaining('foreign key (p_id) of c: 2 rows refer to a row that does not exist'),
    ])
    expect(() => con.execute(`insert into ${schema}.c values (7)`)).toThrow(db.ForeignKeyViolationError)
  })

  test('keys that ignore case, keys with NULL, tables without a key and virtual tables are moved', async () => {
    const { schema, stdout } = await move(`
      create table n (name text collate nocase unique, k text primary key); insert into n values ('a', null), ('b', 'x');
      create table lone (v text);
      create virtual table words using fts5(body);`)
    expect(() => con.execute(`insert into ${schema}.n values ('A', 'y')`)).toThrow(db.UniqueViolationError)
    expect(stdout).toContain('n: its primary key holds NULL')
    expect(stdout).toContain('n has COLLATE NOCASE')
    expect(stdout).toContain('lone has no primary key')
    expect(stdout).toContain('virtual table words: ')
    expect(hasTables(schema)).toBe(2)
  })

  test('the report lists an index that PostgreSQL cannot have, and the rows are moved', async () => {
    const { schema, stdout, status } = await move(
      'create table t (v text); create index t_v on t (v); insert into t values (hex(randomblob(9000)))',
    )
    expect([status, stdout]).toEqual([1, expect.stringMatching(/index t_v: index row /)])
    expect(con.fetchval(`select count(*)::int from ${schema}.t`)).toBe(1)
  })

  test('names in capitals become lower case, all names with --lower-case, and two that become equal are refused', async () => {
    const sql = 'create table ITEM (ID integer primary key, itemName text)'
    expect(Object.keys(typesOf((await move(sql)).schema))).toEqual(['item.id', 'item.itemName'])
    expect(Object.keys(typesOf((await move(sql, '--lower-case')).schema))).toEqual(['item.id', 'item.itemname'])
    expect((await move('create table "a b" (x); create table "" (y)')).status).toBe(2)
  })

  test.each([[[]], [['--lower-case']]])(
    'only A to Z become lower case, as PostgreSQL folds a name without quotes: %j',
    async (words) => {
      const { schema, status, stdout } = await move(
        'create table GRÖSSE (ID integer primary key, ÄRMEL text not null, İD text); insert into GRÖSSE values (1, 2, 3)',
        ...words,
      )
      expect([status, stdout]).toEqual([0, expect.stringContaining('GRÖSSE is called grÖsse')])
      expect(Object.keys(typesOf(schema))).toEqual(['grÖsse.id', 'grÖsse.Ärmel', 'grÖsse.İd'])
      for (const names of ['folded', 'as-written', 'checked'] as const) {
        using moved = new DatabaseSync(dsn, { names, connection: { serverSettings: { search_path: schema } } })
        expect(moved.prepare('SELECT ID, ÄRMEL, İD FROM GRÖSSE').raw().get()).toEqual([1, '2', '3'])
      }
    },
  )

  test('names that differ in the case of another letter than A to Z are two names, as in SQLite', async () => {
    const { schema, status } = await move(`
      create table Ö (code integer primary key); create table ö (code text primary key);
      insert into Ö values (1); insert into ö values ('a');
      create table ref (first integer references Ö (CODE), second integer references ö (CODE));
      create table sums (a integer, Ü integer as (a + 1) stored, ü integer as (a + 2) stored); insert into sums (a) values (5)`)
    expect([status, typesOf(schema)]).toEqual([
      0,
      expect.objectContaining({ 'ref.first': 'bigint', 'ref.second': 'text' }),
    ])
    expect([...con.fetchrow(`select a::int, Ü::int, ü::int from ${schema}.sums`)!]).toEqual([5, 6, 7])
  })
})

describe.skipIf(sqliteNode === null)('an import is complete or changes nothing', () => {
  const sql =
    "create table t (id integer primary key, v text); insert into t values (1, 'a\\\\b' || char(9) || char(10) || char(13) || '\\N')"

  test('a dry run does everything and rolls it back', async () => {
    const { schema, status, stdout } = await move(sql, '--dry-run', '--sql')
    expect([status, hasTables(schema)]).toEqual([0, 0])
    expect(stdout).toMatch(/create table "t" \([^]*t {2}1 row\n\nThis was a dry run: all changes were rolled back\.\n$/)
  })

  test('tables that exist are not changed', async () => {
    const { schema, path } = await move(sql)
    const again = await run(sqliteNode!, [`--schema=${schema}`, path, dsn])
    expect([again.status, again.stderr]).toEqual([
      2,
      expect.stringContaining('the database already has t: import into an empty one'),
    ])
    expect(con.fetchval(`select count(*)::int from ${schema}.t`)).toBe(1)
  })

  test('the character U+0000 is refused, left out, or kept as bytes', async () => {
    const zero = "create table t (v text); insert into t values ('a' || char(0) || 'b')"
    const refused = await move(zero)
    expect([refused.status, refused.stderr]).toEqual([
      2,
      expect.stringContaining('t.v: 1 texts with the character U+0000'),
    ])
    const stripped = await move(zero, '--strip-zeros')
    expect(con.fetchval(`select v from ${stripped.schema}.t`)).toBe('ab')
    const kept = await move(zero, '--type=t.v=bytea')
    expect(plain(con.fetchval(`select v from ${kept.schema}.t`))).toBe('610062')
  })

  test('many rows are moved, with every kind of character', async () => {
    const many = `create table t (id integer primary key, v text, b blob);
      with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)
      insert into t select i, 'läßt 🎉 \\ ' || char(9, 10, 13) || i, case when i % 3 then zeroblob(i % 7) end from n`
    const { schema, path, stdout } = await move(many)
    expect(stdout).toContain('t  20000 rows')
    const source = readSqlite(path)['t']!
    const rows = con.fetch(`select id::int, v, b from ${schema}.t order by id`)
    expect(rows.map((row) => [...row].map(plain))).toEqual(source.map((row) => [row['id'], row['v'], row['b']]))
  }, 60_000)

  test('works with the embedded PostgreSQL too', async () => {
    const path = join(folder, 'embedded.db')
    writeSqlite(path, sql)
    const { status, stdout } = await run(sqliteNode!, [path, 'pglite:'])
    expect([status, stdout]).toEqual([0, 't  1 row\n\nDone.\n'])
  }, 60_000)
})

describe('refusals', () => {
  test.each([
    [[], 'expected a file and a connection string'],
    [['nowhere.db', 'pglite:'], 'nowhere.db: there is no such file'],
    [['--nosuch'], "Unknown option '--nosuch'"],
  ])('%j', async (words, message) => {
    const { status, stderr } = await run(process.execPath, words)
    expect([status, stderr]).toEqual([2, expect.stringContaining(message)])
  })

  test.skipIf(sqliteNode === null)('a file that is not a database', async () => {
    const { status, stderr } = await run(sqliteNode!, [cli, dsn])
    expect([status, stderr]).toEqual([2, expect.stringContaining('cannot be read: file is not a database')])
  })

  test.skipIf(sqliteNode === null)('a damaged file is an error, and nothing is changed', async () => {
    const path = join(folder, 'damaged.db')
    writeSqlite(path, 'create table t (v text); insert into t values (hex(zeroblob(20000))); create index i on t (v)')
    const bytes = readFileSync(path)
    bytes.fill(0xff, 4096)
    writeFileSync(path, bytes)
    const { status, stderr } = await run(sqliteNode!, ['--schema=damaged', path, dsn])
    expect([status, stderr, hasTables('damaged')]).toEqual([2, expect.stringContaining('malformed'), 0])
    expect(stderr.split('\n')).toHaveLength(2)
  })

  test.skipIf(sqliteNode === process.execPath)(
    'a Node that cannot read such files gives an error with advice',
    async () => {
      const { status, stderr } = await run(process.execPath, [cli, dsn])
      expect([status, stderr]).toEqual([2, expect.stringContaining('npm install better-sqlite3')])
    },
  )
})
