/** Commands print what psql prints, on the same server: formats, and the family of \d. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'

import { type CliRun, psqlVersion, runCli, runPsql } from '../../support/run-cli.ts'
import { askServer, createDatabase, sharedServer } from '../../support/shared-server.ts'

const DATABASE = `psql_compared_${process.pid}`
const ROLE = `psql_role_${process.pid}`

const OBJECTS = `
create schema zoo; comment on schema zoo is 'a zoo'; set search_path = zoo, public;
create type mood as enum ('sad', 'ok', 'happy');
create type pair as (a int, b text collate "C");
create table keeper (id int generated always as identity primary key, name text not null unique, born date, boss int references keeper);
comment on table keeper is 'who keeps'; comment on column keeper.name is 'full name';
create table animal (id bigserial primary key, keeper_id int references keeper on delete cascade,
  name varchar(30) collate "C" default 'x', weight numeric(8, 2) check (weight > 0), mood mood default 'ok', tags text[],
  total numeric generated always as (weight * 2) stored, constraint uq unique (name, mood) deferrable initially deferred,
  exclude using gist (int4range(keeper_id, keeper_id + 1) with &&));
create unique index animal_lower on animal (lower(name)) where weight > 10;
create index on animal using hash (mood);
create operator === (leftarg = int, rightarg = int, function = int4eq);
create view heavy as select name, weight from animal where weight > 100;
create view checked with (security_barrier) as select * from keeper where id > 0 with local check option;
create view "Odd View" as select 1 as "A b", null::text as "q""r";
create materialized view sums as select mood, sum(weight) from animal group by 1;
create function trg() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger t1 before insert on animal for each row execute function trg();
create trigger t2 after update of name on animal for each statement execute function trg();
alter table animal disable trigger t2;
create rule r1 as on delete to keeper do also notify gone;
alter table keeper enable row level security;
create policy p1 on keeper for select to current_user using (id > 0);
create policy p2 on keeper as restrictive with check (id < 10);
create table part (a int, b text) partition by range (a);
create table part1 partition of part for values from (1) to (10);
create table part2 partition of part default;
create index on part (a);
create table base (x int); create table child (y int) inherits (base);
create unlogged table ul (a int); create table typed of pair; create table nothing ();
create sequence sq start 5 increment 2 owned by keeper.id;
create procedure pr(a int, inout b int) language sql as 'select 1';
create function fn(a int, b text default 'z', variadic c int[] default '{}') returns table (x int, y text)
  language sql stable parallel safe as 'select 1, null';
create aggregate ag(int) (sfunc = int4pl, stype = int, initcond = '0');
alter table animal replica identity full; grant select on animal to public;
create table "Mixed Case" ("Col A" int, "日本" text);
insert into "Mixed Case" values (1, '漢字'), (null, E'zwei\\nZeilen'), (-3, 'ü');
comment on constraint uq on animal is 'the key'; comment on rule r1 on keeper is 'a rule'; comment on trigger t1 on animal is 'one';
create domain positive as int constraint above check (value > 0); comment on constraint above on domain positive is 'above';
create operator family numbers using btree; comment on operator family numbers using btree is 'a family';
create function moody(int) returns mood language sql as $$ select 'sad'::mood $$;
create cast (int as mood) with function moody(int) as assignment; comment on cast (int as mood) is 'a cast';
create function watch() returns event_trigger language plpgsql as $$ begin end $$;
create event trigger watcher on ddl_command_start when tag in ('CREATE TABLE', 'DROP TABLE') execute function watch();
comment on event trigger watcher is 'watches'; alter event trigger watcher disable;
create table measured (a int, b int); create statistics counted (ndistinct, mcv) on a, b from measured; create statistics summed on (a + b), (a * 2) from measured;
create publication news for table keeper (id) where (id > 3), part; create publication everything for all tables with (publish = 'insert');
create publication of_schema for tables in schema zoo;
create subscription taken connection 'host=nowhere' publication news with (connect = false);
create text search dictionary plain (template = simple, stopwords = english); create text search configuration ours (copy = english);
create conversion latin for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8;
create foreign data wrapper wrapper options (a '1', b 'x y'); create server away type 't' version '1' foreign data wrapper wrapper options (host 'h');
create user mapping for current_user server away options (user 'u', password 'p'); create foreign table far (a int) server away options (t 'x');
alter default privileges in schema zoo grant select on tables to public; alter default privileges revoke execute on functions from public;
create table parted (x int, y text) partition by range (x);
create table parted1 partition of parted for values from (1) to (2) partition by list (y);
create table parted1a partition of parted1 for values in ('a'); create index on parted (x);
create role ${ROLE}; alter role ${ROLE} set work_mem = '1MB'; alter role ${ROLE} in database ${DATABASE} set search_path = 'x', 'y';
`

const VALUES = `select 1 as a, 'x' as b, null as c, 2.50 as num, true as t, E'l1\\nlonger' as "two
lines", E'tab\\there\\r\\x01' as ctl, '漢字' as wide, E'e\\u0301' as accent, '👍🏽' as emoji`

/**
 * Texts with the same options. Each text is a `-c` and a test of its own. One process of each program runs them all,
 * because starting a process takes longer than an answer.
 */
const GROUPS: readonly (readonly [options: string, texts: readonly string[]])[] = [
  [
    '',
    [
      VALUES,
      'select 1 as a where false',
      'select',
      'create temp table q (a int); insert into q values (1), (2); update q set a = 3 returning a; delete from q; drop table q',
      'explain (costs off) select 1',
      'show server_version_num',
      ';',
      '-- nothing',
      'copy (select generate_series(1, 3), null) to stdout',
      '\\copy (select 1, 2) to stdout csv header',
      ...(
        '\\d|\\d+|\\dt|\\dt+|\\dv|\\dm|\\di|\\di+|\\ds|\\dE|\\dtv a*|\\d keeper|\\d+ keeper|\\d animal|' +
        '\\d+ animal|\\d heavy|\\d+ heavy|\\d "Odd View"|\\d sums|\\d+ sums|\\d part|\\d+ part|\\d part1|\\d+ part1|' +
        '\\d base|\\d+ base|\\d+ child|\\d ul|\\d typed|\\d pair|\\d sq|\\d animal_id_seq|\\d keeper_id_seq|' +
        '\\d animal_lower|\\d+ animal_pkey|\\d uq|\\d part_a_idx|\\d "Mixed Case"|\\d nothing|\\d zoo.k*|\\dn|\\dn+|' +
        '\\dn z*|\\df|\\df+|\\df fn|\\dfp|\\dft|\\dfa|\\da|\\dT|\\dT+|\\dx|\\dx+|\\du|\\du+|\\dp|\\z animal|\\db|\\dL|' +
        '\\sf trg|\\sv heavy|\\d pg_catalog.pg_class|\\dt pg_catalog.pg_t*|\\dtS pg_am|\\df pg_catalog.lower|' +
        `\\dC|\\dC+ int4|\\dC zoo.mood|\\dC char*|\\dd|\\dd uq|\\ddp|\\ddp zoo|\\drds ${ROLE}|\\drds ${ROLE} ${DATABASE}|\\drds no one|` +
        '\\dRp|\\dRp news|\\dRp+|\\dRp+ nosuch|\\dRs|\\dRs+|\\dX|\\dX counted|\\dF|\\dF ours|\\dFd|\\dFd+|\\dFp|\\dFt|\\dFt+|' +
        '\\dA|\\dA+|\\dA b*|\\dy|\\dy+|\\dc|\\dcS+ koi8_r*|\\des|\\des+|\\dew|\\dew+|\\deu|\\deu+|\\det|\\det+|\\det far|' +
        '\\dP|\\dP+|\\dPn|\\dPn+|\\dPi+|\\dPt|\\dP p*|\\dP+ p*'
      ).split('|'),
    ],
  ],
  ['-x', [VALUES, 'select 1 as a where false', '\\d keeper']],
  ['-t', [VALUES, '\\d keeper']],
  ['-tA', [VALUES, '\\d keeper']],
  ['-A', [VALUES]],
  ['-A -x', [VALUES]],
  ['-A -F , -R ;', ['select generate_series(1, 3) as a, 2 as b']],
  ['-A -z -0 -t', ['select generate_series(1, 3) as a, 2 as b']],
  ['-xt', ["select generate_series(1, 2) as a, 'xyz' as b"]],
  ['-q', ['create temp table q (a int); insert into q values (1) returning a']],
  ['--csv', [VALUES, "select 'q\"r' as a, '' as b, null as c, '\\.' as d, ' s' as e", '\\d keeper']],
  ['--csv -t', [VALUES]],
  ['--csv -x', [VALUES]],
  ['--csv -P csv_fieldsep=;', ["select 'a;b', 'c,d'"]],
  ['-P border=2 -P linestyle=unicode -x', ['table "Mixed Case"']],
  ['-P null=(null) -P footer=off', ['table "Mixed Case"']],
]

/** Calls that end with a certain status. Both programs get the same arguments. */
const FAILURES: readonly (readonly string[])[] = [
  ['-c', 'selec 1', '-c', 'select * from nowhere', '-c', 'select 1; select 1 / 0; select 2'],
  [
    '-c',
    "do $$ begin raise warning 'w' using hint = 'do it', detail = 'd'; raise exception 'e' using errcode = '22012'; end $$",
  ],
  ['-v', 'VERBOSITY=terse', '-c', 'select 1 / 0', '-v', 'VERBOSITY=sqlstate'],
  ['-c', '\\d nosuch'],
  ['-c', '\\dt nosuch'],
]

const MARKED = `select 1 as a, E' <b>\\n& |' as b, null as c, '' as d;`
const MIXED = 'table "Mixed Case";\n'
const LONG = `select repeat('abc ', 20) as long, 2 as b, repeat('x', g) as xs, repeat('漢', 30) as w,
  E'a\\nbcccccccccccccccccccccccccccccccccccc' as nl from generate_series(1, 9) g;`
const eachWay = (format: string): string =>
  `\\pset format ${format}\n${['', '\\x', '\\t', '\\x', '\\t\n\\C title'].map((way) => `${way}\n${MARKED}\n`).join('')}`

/** Scripts that both programs run. */
const SCRIPTS: readonly (readonly [claim: string, script: string])[] = [
  ['HTML and AsciiDoc', `${eachWay('html')}\\T class=q\n${MARKED}\n\\C\n\\x off\n${eachWay('asciidoc')}\\dt\n`],
  [
    'every frame: as a table, expanded, in Unicode, without titles',
    ['0', '1', '2']
      .map(
        (border) => `\\pset border ${border}\n${MIXED}\\x\n${MIXED}\\x\n\\pset linestyle unicode
${MIXED}\\pset linestyle ascii\n\\t\n${MIXED}\\t\n`,
      )
      .join(''),
  ],
  [
    'the wrapped format, in every frame',
    ['0', '1', '2']
      .flatMap((border) => ['60', '30', '10'].map((columns) => [border, columns] as const))
      .map(
        ([border, columns]) => `\\pset border ${border}\n\\pset columns ${columns}\n\\pset format wrapped\n${LONG}\n`,
      )
      .join('') +
      "\\pset linestyle unicode\n\\pset columns 50\nselect 1 as a, E'two\\nlines that are longer than that' as b;\n",
  ],
  [
    'frames wide enough for the number of a record',
    '\\x\n\\pset border 2\nselect generate_series(1, 11) as a;\n\\C title\nselect 1;\n\\pset border 3\nselect 1;\n',
  ],
  [
    'values of several lines, and records of no columns, in expanded frames',
    ['0', '1', '2']
      .map(
        (border) => `\\pset border ${border}\nselect E'l1\\nl2' as b, 1 as a from generate_series(1, 11);
select E'l1\\nl2' as "a\nb";\nselect E'l1\\nl2' as "a name that is wider than a number";\nselect;\n\\t on
select E'l1\\nl2' as b from generate_series(1, 2);\n\\t off\n`,
      )
      .reduce((all, each) => all + each, '\\x\n'),
  ],
  [
    'what habit types: semicolons behind commands, options of one \\g, backquotes that fail, words for one error',
    `\\dt zoo.*;
\\x on;
\\x off;
select 4 as d \\g (format=csv tuples_only=on)
select 5 as e \\gx (border=2)
\\echo \`exit 3\` \`echo out; exit 4\`
\\set VERBOSITY terse
select nope;
\\copy (select id from keeper) to stdout
`,
  ],
  ['settings and operators', `\\dconfig work_mem\n\\dconfig+ *_Mem*\n\\do\n\\do+ ===\n\\do <@\n`],
  [
    'what print settings say of themselves',
    `\\pset border 3|columns 20|columns|expanded foo|expanded auto|expanded|csv_fieldsep ;|csv_fieldsep|
      fieldsep ,|fieldsep|fieldsep_zero|fieldsep|recordsep x|recordsep_zero|recordsep|footer|footer|null (n)|null|pager always|pager|
      pager|pager_min_lines 5|pager_min_lines 1|pager foo|title x|title|tableattr x|tableattr|tuples_only foo|tuples_only|tuples_only|
      linestyle unicode|nosuch 1|format`
      .split('|')
      .map((setting) => `\\pset ${setting.trim().replace('\\pset ', '')}\n`)
      .join('') + '\\a\n\\a\n\\t\n\\t\n\\f ;\n\\f\n\\H\n\\H\n\\C title\n\\C\n\\timing foo\n\\x foo\n\\cd /nosuch\n',
  ],
  [
    'what a statement leaves in variables, and what it would give',
    `select * from generate_series(1, 3);
\\echo :ERROR :SQLSTATE :ROW_COUNT :LAST_ERROR_SQLSTATE
select 1 / 0;
\\echo :ERROR :SQLSTATE :ROW_COUNT :LAST_ERROR_SQLSTATE :LAST_ERROR_MESSAGE
\\errverbose
create temp table t (a int);
insert into t values (1), (2);
\\echo :ERROR :ROW_COUNT :SERVER_VERSION_NUM :ENCODING
copy t from stdin;
7
\\.
\\echo :ROW_COUNT
select name, weight, mood, tags, 1 + 1 as "two three", now() from animal \\gdesc
insert into t values (4) \\gdesc
insert into t values (4) returning a \\gdesc
select nowhere\\gdesc
\\setenv SOME thing
\\getenv some SOME
\\getenv missing NO_SUCH_VARIABLE
\\echo :some :missing
\\! echo $SOME
`,
  ],
  [
    'sources, numbered or not, and what is missing',
    `\\sf fn\n\\sf+ fn\n\\sf zoo.fn(int, text, int[])\n\\sf+ trg\n\\sv "Odd View"\n\\sv+ heavy\n\\sv+ checked\n\\sf nosuch\n\\sf ag\n\\sf
\\sv keeper\n\\sv nosuch\n\\sv\n\\d nosuch\n\\dt nosuch\n\\i nosuch.sql\n\\ir nosuch.sql\n\\o /nosuch/x\n\\nosuch\n`,
  ],
]

if (psqlVersion === null)
  process.stderr.write('psql is missing: what is printed is not compared with it (apt-get install postgresql-client)\n')
// Later versions have other titles and more columns in these lists. 15.20 draws the frames of expanded records in
// another way than the versions before it.
const isComparable = psqlVersion !== null && psqlVersion[0] === 15 && psqlVersion[1] >= 20
if (psqlVersion !== null && !isComparable) {
  process.stderr.write(`psql ${psqlVersion.join('.')} is not 15.20 or a later 15, which is compared with\n`)
}

const MARK = 'text number '

/** The part of a run's output that belongs to one text. */
function partOf({ status, stdout, stderr }: CliRun, index: number): CliRun {
  const cut = (stream: string): string => {
    const [, part] = stream.split(`${MARK}${index}\n`)
    if (part === undefined) throw new Error(`it never came to this text; it ended:\n${stdout.slice(-500)}${stderr}`)
    return part.split(MARK)[0] ?? ''
  }
  return { status, stdout: cut(stdout), stderr: cut(stderr) }
}

describe.skipIf(!isComparable)('psql prints the same', () => {
  beforeAll(async () => {
    await createDatabase(sharedServer(), DATABASE)
    await askServer(sharedServer(), OBJECTS, [], DATABASE)
  })
  afterAll(async () => {
    const gone =
      'alter subscription taken disable; alter subscription taken set (slot_name = none); drop subscription taken'
    await askServer(sharedServer(), gone, [], DATABASE)
    await askServer(sharedServer(), `drop database if exists ${DATABASE} with (force)`)
    await askServer(sharedServer(), `drop role ${ROLE}`)
  })

  const options = { server: sharedServer(), database: DATABASE, env: { PGOPTIONS: '-c search_path=zoo,public' } }

  describe.each(GROUPS)('with "%s"', (settings, texts) => {
    let ours: CliRun
    let theirs: CliRun

    beforeAll(async () => {
      // Between the texts both streams have a line with the number of the text.
      const words = texts.flatMap((text, index) => [
        '-c',
        `\\echo ${MARK}${index}`,
        '-c',
        `\\warn ${MARK}${index}`,
        '-c',
        text,
      ])
      const all = [...settings.split(' ').filter((word) => word !== ''), ...words]
      ;[ours, theirs] = await Promise.all([runCli(all, options), runPsql(all, options)])
    })

    test.each(texts.map((text, index) => [text.replaceAll('\n', ' ').slice(0, 60), index] as const))(
      '%s',
      (_name, index) => {
        expect(partOf(ours, index)).toEqual(partOf(theirs, index))
      },
    )
  })

  test.each(FAILURES.map((words) => [words.join(' ').slice(0, 60), words] as const))('%s', async (_name, words) => {
    const [ours, theirs] = await Promise.all([runCli(words, options), runPsql(words, options)])
    expect(ours).toEqual(theirs)
  })

  test('\\h has the page of every command', async () => {
    const [ours, theirs] = await Promise.all([runCli(['-c', '\\h *'], options), runPsql(['-c', '\\h *'], options)])
    const names = [...theirs.stdout.matchAll(/^Command: +(.*)$/gm)].map((match) => match[1])
    const pages = [...theirs.stdout.matchAll(/^URL: .*\/(sql-.*)$/gm)].map((match) => match[1])
    const lines = ours.stdout.trim().split('\n')
    expect(lines.map((line) => [line.slice(0, 34).trim(), line.slice(line.lastIndexOf('/') + 1)])).toEqual(
      names.map((name, index) => [name, pages[index]]),
    )
  })

  test.each(SCRIPTS)('in a script: %s', async (_claim, script) => {
    const folder = mkdtempSync(join(tmpdir(), 'syncpg-psql-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    writeFileSync(join(folder, 'script.sql'), script)
    const words = ['-f', 'script.sql']
    const here = { ...options, cwd: folder }
    const [ours, theirs] = await Promise.all([runCli(words, here), runPsql(words, here)])
    expect(ours).toEqual(theirs)
  })
})
