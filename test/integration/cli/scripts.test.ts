/** Scripts that could do harm run as in psql: the output, the status, the files and the tables are the same. */
import { readFileSync } from 'node:fs'

import { describe, expect, test } from 'vitest'

import { type Comparison, comparedDatabases, isPsqlComparable } from '../../support/compare-with-psql.ts'
import { runCli } from '../../support/run-cli.ts'
import { sharedServer } from '../../support/shared-server.ts'

if (!isPsqlComparable)
  process.stderr.write('psql 15.20 is missing: scripts are not compared with it (apt-get install postgresql-client)\n')

const compare = comparedDatabases()

const kept = (name: string): string =>
  readFileSync(new URL(`../../support/fixtures/cli/${name}`, import.meta.url), 'utf8')

async function expectSame(script: string, comparison?: Comparison): Promise<void> {
  const { ours, theirs } = await compare(script, comparison)
  expect(ours).toEqual(theirs)
}

/** psql names the line where a statement ends, after its data. syncpg names the line where it begins. */
async function expectSameButLines(script: string, comparison?: Comparison): Promise<void> {
  const { ours, theirs } = await compare(script, comparison)
  const unnumbered = (text: string): string => text.replace(/^(syncpg:[^:]*):\d+:/gm, '$1:')
  expect({ ...ours, stderr: unnumbered(ours.stderr) }).toEqual({ ...theirs, stderr: unnumbered(theirs.stderr) })
}

/** Commands that must not run, and a statement that must run. */
const DATA = `1\tx; drop table victim; --
\\echo a line of data was obeyed
\\! touch obeyed
\\if false
drop table victim;
\\.
select 'after' as it, (select count(*) from victim) as victims;
`
const TABLES = 'create table victim (a int, b text);\n'
const refused = (statements: readonly string[]): string =>
  TABLES + statements.map((statement) => `${statement}\n${DATA}`).join('')

const REFUSED = refused([
  'copy missing from stdin;',
  'copy victim (a, nowhere) from stdin;',
  'COPY missing(a) FROM STDIN WITH (FORMAT csv, HEADER);',
  '-- a remark\n/* another */ copy public.missing from stdin;',
  'copy victim from stdin with nonsense;',
  'copy victim from stdin with (format nonsense);',
  "copy victim from stdin where a > 'x';",
  'copy (select 1) from stdin;',
  'copy missing from stdin \\g',
  'copy missing from stdin \\gset',
  "select 'copy missing from stdin' \\gexec",
  '\\copy missing from stdin',
  '\\copy victim (nowhere) from stdin csv',
  'copy missing from stdin \\; select 1;',
  'select 1 as before \\; copy missing from stdin;',
  'select 1/0 \\; copy victim from stdin;',
  'begin;\nselect 1/0;\ncopy victim from stdin;',
  'rollback;\nset role pg_monitor;\ncopy victim from stdin;',
])

/** Statements that do not take data, so the lines after them are part of the script. */
const NO_DATA = `create table t (a int);
copy missing to stdin;
select 1 as a;
copy missing from '/nonexistent';
select 2 as a;
explain copy t from stdin;
select 3 as a;
select 'copy t from stdin' from missing;
select 4 as a;
copy t frm stdin;
select 5 as a;
\\copy t from nofile
select 6 as a;
`

describe.skipIf(!isPsqlComparable)('the data of a COPY that is refused', () => {
  test('is skipped, for any reason of the refusal', () => expectSame(REFUSED))
  test('is skipped on the standard input', async () => {
    const { ours, theirs } = await compare('', { input: REFUSED })
    // syncpg gives a script on the standard input a name.
    expect({ ...ours, stderr: ours.stderr.replace(/^syncpg:<stdin>:\d+: /gm, '') }).toEqual(theirs)
  })
  test('is skipped to the end of the input if no line ends it', () =>
    expectSame(`${TABLES}copy missing from stdin;\n1\ndrop table victim;\n`))
  test('is skipped for each COPY of one text', () =>
    expectSameButLines(`${TABLES}copy missing from stdin \\; copy missing from stdin;
1
\\.
2
\\.
select 'after' as it;
copy victim (a) from stdin \\; copy missing from stdin \\; select 3 \\; copy missing from stdin;
1
\\.
2
\\.
drop table victim;
\\.
select 'after' as it;
`))
  test('is skipped to its end if the COPY is refused in the middle', () =>
    expectSameButLines(
      `${TABLES}copy victim from stdin;\nx\ty\n${'1\ta; drop table victim; --\n'.repeat(40_000)}\\.\nselect 'after' as it;\n`,
    ))
  test('ends a script with ON_ERROR_STOP as in psql', () => expectSame(REFUSED, { options: ['-v', 'ON_ERROR_STOP=1'] }))
  test('is not expected after a statement without data', () => expectSame(NO_DATA))
  test('for a text of -c is skipped on the standard input', () =>
    expectSame('', {
      options: [
        '-c',
        'create table t (a int)',
        '-c',
        'copy missing from stdin',
        '-c',
        'copy t from stdin',
        '-c',
        'table t',
      ],
      input: '1\n\\.\n2\n\\.\n3\n',
    }))
})

test.skipIf(!isPsqlComparable)('the embedded PostgreSQL does not run the data of a refused COPY either', async () => {
  const { theirs } = await compare(REFUSED)
  const ours = await runCli(['pglite:', '-f', '-'], { input: REFUSED.replaceAll('script.sql', '<stdin>') })
  const errors = (text: string): string[] =>
    text
      .split('\n')
      .filter((line) => line.includes('ERROR:'))
      .map((line) => line.slice(line.indexOf('ERROR')))
  expect([ours.stdout, errors(ours.stderr)]).toEqual([theirs.stdout, errors(theirs.stderr)])
})

/** Names in capitals, and unknown names. */
const CAPITALS = `create table t (a text, b text);
create table victim (a int);
\\COPY t from stdin
1\tx; drop table victim; --
\\! touch obeyed
\\.
\\Copy t (a) FROM STDIN
\\! touch obeyed
\\.
\\COPY t to stdout
\\COPY missing from stdin
drop table victim;
\\.
\\COPYX t \\! touch obeyed
\\ECHO one \\echo two
\\pset nonsense \\echo three
\\d nosuch \\echo four
\\elif \\! touch obeyed
select 1 \\nonsense \\g
;
select 1/0 \\g \\echo five
\\echo six \\ECHO seven
table victim;
`

describe.skipIf(!isPsqlComparable)('names of commands', () => {
  test('are case-sensitive except \\copy, and the rest of a line is ignored if its command fails', () =>
    expectSameButLines(CAPITALS))
  test('are case-sensitive in a text of -c too', () =>
    expectSame('', {
      options: ['-c', 'create table t (a text)', '-c', '\\COPY t from stdin', '-c', '\\COPY t to stdout'],
      input: 'x\n\\.\n',
    }))
})

/** The file reads the same stream as the script that includes it. */
const PSTDIN = `create table t (a text, b text);
create table victim (a int);
\\copy t from pstdin
1\tx
2\ty; drop table victim; --
\\.
\\COPY missing from PSTDIN
drop table victim;
\\! touch obeyed
\\.
\\copy t from pstdin
too\tmany\tcolumns
drop table victim;
\\.
\\i loads.sql
3\tfor the file
drop table victim;
\\.
an answer
\\echo :answer
table t;
table victim;
`
const LOADS = "\\copy t from pstdin\n\\copy t (a) from stdin\nof the file\n\\.\n\\prompt '' answer\n"

describe.skipIf(!isPsqlComparable)('\\copy from pstdin', () => {
  test('reads the lines behind it in a script from the standard input', async () => {
    const { ours, theirs } = await compare('', { input: PSTDIN, files: { 'loads.sql': LOADS } })
    const plain = (text: string): string => text.replace(/^syncpg:(?:<stdin>|loads\.sql):\d+: /gm, '')
    expect({ ...ours, stderr: plain(ours.stderr) }).toEqual({ ...theirs, stderr: plain(theirs.stderr) })
  })
})

const BACKQUOTES = `\\set num 5
\\set quoted 'it''s; touch obeyed'
\\set file 'my file.txt'
\\set empty ''
\\set path a/b.c
\\if \`test :num -gt 3 && echo true || echo false\`
\\echo big
\\else
\\echo small
\\endif
\\set lines \`printf 'a\\nb\\n' > :'file'; wc -l < :'file'\`
\\echo :lines
\\echo \`echo :'quoted' :'empty'. :'path' "::num" :num:num\`
\\echo \`echo :unset :'unset'\`
\\echo \`echo :"num" ':{?num}'\`
\\pset null \`echo :'quoted'\`
select null as it;
`

describe.skipIf(!isPsqlComparable)('variables in backquotes', () => {
  test('are inserted, and quoted for the shell if the variable is in quotes', () => expectSame(BACKQUOTES))
  test('are refused in quotes if they have several lines', async () => {
    const script = `\\set lines 'a\\nb'\n\\echo \`touch :'lines'\`\n\\if \`echo :'lines'\`\n\\echo yes\n\\endif\n\\echo after\n`
    const { ours, theirs } = await compare(script)
    const refusal = 'error: shell command argument contains a newline or carriage return: "a\nb"\n'
    expect(ours.stderr).toBe(`syncpg:script.sql:2: ${refusal}syncpg:script.sql:3: ${refusal}`)
    expect(theirs.stderr).toContain(refusal)
    // psql then passes the command to the shell as it was written.
    expect([ours.stdout, Object.keys(ours.files)]).toEqual(['after\n', ['script.sql']])
  })
})

const TOLD = `\\o results.txt
\\pset format csv
\\t on
\\x
\\x
\\pset format aligned
\\t
select 1 as a, 2 as b;
\\p
\\errverbose
\\encoding
create table t (a int);
copy t from stdin;
1
\\.
\\copy t to copied.txt
\\copy t to stdout
\\qecho in the file
\\echo not in the file
\\set ECHO queries
select 3 as queried;
\\set ECHO none
\\d t
select 4 as four \\gdesc
select 1 as x
\\p
\\r
\\timing on
\\timing off
\\o |cat >piped.txt
\\pset border 2
select 5;
\\p
\\o
\\pset border 1
`
const TIMED = '\\timing on\nselect 1 as a;\n\\conninfo\n'

describe.skipIf(!isPsqlComparable)('the file of \\o', () => {
  test("gets results, and not the program's own messages", () => expectSame(TOLD))
  test.each([
    ['\\o results.txt', [], `\\o results.txt\n${TIMED}`],
    ['-o results.txt', ['-o', 'results.txt'], TIMED],
  ])('gets no times (%s)', async (_, options, script) => {
    const { ours, theirs } = await compare(script, { options: [...options, '-f', 'script.sql'], input: '' })
    expect(ours.files).toEqual(theirs.files)
    for (const { stdout } of [ours, theirs]) expect(stdout).toMatch(/^Timing is on\.\nTime: .*\nYou are connected to/)
  })
})

const BRANCHES = `\\set x 1
\\if :x
select 'a
\\else
b' \\endif ;
\\elif
\\else
\\endif
\\if
select 'empty';
\\endif
\\if yes please
select 'two';
\\endif
\\if false
  \\if true
    select 'in';
  \\else
    select 'in too';
  \\endif
  \\echo no
  \\copy t from stdin
  \\set x \`touch obeyed\`
  select (1
\\else
 select 'else' as r
\\endif
;
select (1 +
\\if 0
 2)
\\else
 3) as sum
\\endif
;
\\if true
\\else
\\else
\\endif
\\if 0
\\elif 1
\\echo elif
\\elif \`touch obeyed\`
\\endif
\\if true
create function f() returns int begin atomic
\\if false
 select 1; end;
\\else
 select 2; end
\\endif
;
select f();
\\if false \\q \\endif
select 1
\\if false
, 2
\\endif
, nowhere;
\\if true
select 'open'
`

describe.skipIf(!isPsqlComparable)('\\if', () => {
  test('drops a branch that is not taken', () => expectSame(kept('inactive-branch.sql')))
  test('works as in psql, in statements, parentheses and bodies of functions', () => expectSameButLines(BRANCHES))
  test('that is wrong is an error', () => expectSame('\\endif\nselect 1;\n', { options: ['-v', 'ON_ERROR_STOP=1'] }))
  test('that is open at the end is an error', () =>
    expectSame('\\if true\nselect 1;\n', { options: ['-v', 'ON_ERROR_STOP=1'] }))
})

describe.skipIf(!isPsqlComparable)('\\q', () => {
  const files = {
    'quits.sql': "select 'one' as it;\n\\q\ncreate table never ();\n",
    'two.sql': "select 'two' as it;\n",
  }
  test('ends the included file only', () =>
    expectSame(kept('quit-in-include.sql'), { files: { 'guard.inc': kept('guard.inc') } }))
  test('ends an included file within \\if, with \\ir, and twice', () =>
    expectSame(
      "\\i quits.sql\nselect 'back' as it;\n\\ir quits.sql\n\\if true\n\\i quits.sql\n\\endif\nselect 'end' as it;\n",
      {
        files,
      },
    ))
  test.each([
    ['-f quits.sql -f two.sql'],
    ['-f two.sql -c \\q -f two.sql'],
    ['-c \\q -c table_nowhere'],
    ['-1 -f quits.sql -c \\q -f two.sql'],
    ['-f - -f two.sql'],
  ])('ends one part of %s', (options) =>
    expectSame('', { files, options: options.split(' '), input: "select 'in' as it;\n\\q\nselect 'never';\n" }),
  )
})

/** pg_dump -C --clean and pg_dumpall write this for a database whose name is no plain identifier. */
const dumpOf = (name: string, literal: string): string => `\\restrict abc
SET client_encoding = 'UTF8';
DROP DATABASE IF EXISTS ${name};
CREATE DATABASE ${name} WITH TEMPLATE = template0;
\\unrestrict abc
\\encoding SQL_ASCII
\\connect -reuse-previous=on "dbname='${literal}'"
\\restrict abc
SET client_encoding = 'UTF8';
CREATE TABLE public.kept (name text);
COPY public.kept (name) FROM stdin;
größer
\\.
\\unrestrict abc
select current_database(), name from kept;
\\connect postgres
\\encoding
drop database ${name};
`

describe.skipIf(!isPsqlComparable)('\\connect', () => {
  test.each([
    ['"my-app PID"', 'my-app PID'],
    ['"it\'s \\ odd PID"', "it\\'s \\\\ odd PID"],
  ])('restores the dump of %s', async (name, literal) => {
    // The programs run one after another, because both make the same database.
    const script = dumpOf(name, literal).replaceAll('PID', String(process.pid))
    const { ours, theirs } = await compare(script, { oneByOne: true })
    expect(ours).toEqual(theirs)
  })
})

const STEERING = `\\set ON_ERROR_STOP maybe
\\set ON_ERROR_ROLLBACK maybe
\\set ON_ERROR_ROLLBACK TRUE
\\echo :ON_ERROR_ROLLBACK
\\set ON_ERROR_STOP
\\echo :ON_ERROR_STOP
\\set ON_ERROR_STOP 0
\\echo :ON_ERROR_STOP
\\unset ON_ERROR_STOP
\\echo :ON_ERROR_STOP
\\unset AUTOCOMMIT
\\echo :AUTOCOMMIT
\\set AUTOCOMMIT on
\\set FETCH_COUNT x
\\set HISTSIZE ''
\\set ECHO nothing
\\set ECHO QUERIES
select 1;
\\set ECHO none
\\set ECHO_HIDDEN foo
\\set VERBOSITY foo
\\set SHOW_CONTEXT foo
\\set SHOW_CONTEXT
\\unset SHOW_CONTEXT
\\echo :SHOW_CONTEXT
\\unset VERBOSITY
\\echo :VERBOSITY
\\set COMP_KEYWORD_CASE x
\\set HISTCONTROL x
\\set 'a b' 1
select 1 as "ON_ERROR_STOP", 2 as "PROMPT1", 3 as "FETCH_COUNT", 4 as "DBNAME", 6 as "?", 7 as good \\gset
\\echo :good :DBNAME
select 1 as "QUIET" \\gset x
\\echo :xQUIET
select 'all' as "CHO" \\gset E
select 'QUIT' as quit, null as "AUTOCOMMIT" \\gset
\\echo :AUTOCOMMIT :VERSION_NUM :ERROR
select 1 where false \\gset
select generate_series(1, 2) as a \\gset
\\echo :ERROR :LAST_ERROR_MESSAGE
`
const ROLLED_BACK = `begin;
create table kept (a int);
select 1/0;
insert into kept values (1);
commit;
`

describe.skipIf(!isPsqlComparable)('variables that steer', () => {
  test('are set as psql sets them, and never by \\gset', () => expectSame(STEERING))
  test('ON_ERROR_ROLLBACK may be 1, TRUE, on, Interactive, yes, 0', () =>
    expectSame(
      ['1', 'TRUE', 'on', 'Interactive', 'yes', '0']
        .map(
          (value) =>
            `\\set ON_ERROR_ROLLBACK ${value}\n${ROLLED_BACK}\\echo :ERROR\ntable kept;\ndrop table if exists kept;\n`,
        )
        .join(''),
    ))
})

const PIPES = `\\o | cat -n
select 2 as piped;
\\o
\\o | wc -l
select generate_series(1, 200000);
\\o
select 5\\w | cat
\\w | cat -n
\\r
\\copy (select 1) to program 'cat >copied.txt; exit 3'
\\copy (select generate_series(1, 3)) to program 'sort -r >sorted.txt'
select 1 \\g | cat -n
select 1 \\g (format=csv) | cat -n
select 2 \\g 'my file.txt'
select 3 \\gx out.txt \\echo after
\\o nosuch/dir
select 4 \\g nosuch/dir
\\w nosuch/dir
\\w
\\copy (select 1) to nosuch/dir
\\o x.txt
select 'in x';
\\o nosuch/dir
select 'in x too';
\\o
create table t (a int);
\\copy t from program 'seq 1 100000'
select sum(a) from t;
`

describe.skipIf(!isPsqlComparable)('pipes', () => {
  test("read and write the same as psql's", () => expectSame(PIPES))
  test('lose the rest if their program stops reading, with a message', () =>
    expectSame(`\\o | head -n 1
select generate_series(1, 100000);
\\o
\\! echo after
`))
  test('run their program while the statement runs', () =>
    expectSame(`\\o | head -n 3 >first.txt; touch seen
select generate_series(1, 100000) as a;
\\! while [ ! -e seen ]; do sleep 0.02; done; cat first.txt
\\o
`))
})

/** Prints at its end the most memory that it has used, in KiB. */
const TELLS_MEMORY =
  "--import=data:text/javascript,process.on('exit',()=>console.error('KiB',process.resourceUsage().maxRSS))"

test.skipIf(!isPsqlComparable)('data that goes through a pipe is not held in memory', async () => {
  const most = async (text: string): Promise<number> => {
    const words = ['-q', '-c', 'create temp table t (a text)', '-c', text]
    const { stderr } = await runCli(words, { server: sharedServer(), env: { NODE_OPTIONS: TELLS_MEMORY } })
    return Number(/^KiB (\d+)\n$/.exec(stderr)?.[1])
  }
  const little = await most("\\copy t from program 'seq 1 10'")
  const rows = "select repeat('x', 1000) from generate_series(1, 150000)"
  for (const text of [
    "\\copy t from program 'yes xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx | head -c 150000000'",
    `\\copy (${rows}) to program 'cat >/dev/null'`,
  ]) {
    expect(await most(text)).toBeLessThan(little + 125_000)
  }
})

const WORDS = `\\echo '\\033[1m' '\\x41\\101\\n' '\\q\\\\' 'it''s'
\\! false
\\! exit 3
\\echo after
\\o ~/in-home.txt
select 1 as at_home;
\\o
\\i ~/in-home.sql
\\copy (select 2) to ~/copied.txt
\\x on off
\\unset
`
const OBJECTS = `create table opts (a int, b text) with (fillfactor = 70, autovacuum_enabled = off, toast.autovacuum_enabled = off);
\\d+ opts
create index on opts (a) with (fillfactor = 60);
\\d+ opts_a_idx
create view ov with (security_barrier) as select 1 as a;
\\d+ ov
\\do - integer
\\do @ - integer
\\do+ + int4 bigint
\\do *~~*
\\df lower text
\\df+ abs integer
\\df array_pos* anycompatiblearray anycompatible -
create function many(int[], timestamptz) returns int language sql as 'select 1';
\\df many int[] timestamptz
`
const RULED = `create table ruled (a int);
create rule r as on insert to ruled do also (select 1 as x; select 2 as y);
insert into ruled values (1);
create rule r2 as on update to ruled do instead select generate_series(1, 3) as three;
update ruled set a = 2;
insert into ruled values (2) returning a;
`
const LONG_LINES = [
  "select 'a very long line that goes on and on and on and on' as a, 'more and more and more' as b, nowhere, 'more and more and more' as c;",
  "select nowhere, 'a very long line that goes on and on and on and on and on' as a, 'more and more and more and more' as b;",
  "select 'a very long line that goes on and on and on and on and on' as a, 'more and more and more and more' as b, nowhere;",
  `select '${'größere 漢字'.repeat(12)}' as a, \tnowhere, '${'漢字'.repeat(20)}';`,
  "select 1,\r\n\t'tab\ttab' as x, nowhere;",
  "do $$ begin execute 'select ' || repeat('1 + ', 30) || 'nowhere'; end $$;",
].join('\n')
const LINES = `select 1
select 2;
select (3
 + 4)
\\if false
select 5
\\endif
select 'a'
`

describe.skipIf(!isPsqlComparable)("habits of psql's users", () => {
  test('the script of habits', () => expectSame(kept('habits.sql')))
  test('words in quotes, programs that fail, paths at home', () =>
    expectSame(WORDS, { home: { 'in-home.sql': "select 'from home' as it;\n" } }))
  test('options of relations, operators and functions by their arguments', () => expectSame(OBJECTS))
  test('rows that rules return', () => expectSame(RULED))
  test('a long line in an error is cut', () => expectSameButLines(LONG_LINES))
  test.each([
    '-S',
    '--single-l',
    '-s',
    '--single-st',
    '-L log.txt',
    '--quiet --no-al',
    '--tup --field-separator-z',
    '-v x',
  ])('the option %s', (options) =>
    expectSameButLines(`${LINES}\\echo :x\n`, {
      options: [...options.split(' '), '-f', 'script.sql'],
      input: '\nx\n\n\n\n',
    }),
  )
  test('\\prompt in a script on the standard input takes its next line', () =>
    expectSame('', { input: "\\prompt 'who? ' name\nAda\n\\echo hello :name\nselect :'name' as name;\n" }))
  test('several statements in one -c, with COPY among them', () =>
    expectSame('', {
      options: [
        '-c',
        'create table t (a int); copy t from stdin; select sum(a) from t; copy t to stdout; select 2 as two',
        '-c',
        'begin; insert into t values (7); copy t from stdin; commit; select count(*) from t',
        '-c',
        'insert into t values (8); copy missing from stdin',
        '-c',
        'copy t from stdin; select 1/0',
        '-c',
        'select count(*) from t',
      ],
      input: '1\n2\n\\.\n3\n\\.\nskipped\n\\.\n4\n\\.\n',
    }))
})

const CROSSTABS = `create table sales (who text, month int, name text, amount numeric);
insert into sales values ('ann', 1, 'jan', 10), ('bob', 2, 'feb', 5), ('ann', 2, 'feb', 7), (null, 1, 'jan', 3), ('bob', 3, null, null);
select who, name, amount from sales order by month, who \\crosstabview
select who, name, amount, month from sales order by who \\crosstabview who name amount month
select who, name, amount, month from sales order by who \\crosstabview 1 2 3 4
select who, name, amount, month from sales \\crosstabview
select who, name, amount as "Am" from sales \\crosstabview who name "Am"
select who, name, amount as "Öb" from sales \\crosstabview who name ÖB
select who, name, amount from sales \\crosstabview nope
select who, name, amount from sales \\crosstabview 1 9
select who, name, amount from sales \\crosstabview 1 1
select who, name from sales \\crosstabview
select 1 as a, 2 as b, 3 as c union all select 1, 2, 4 \\crosstabview
create table x (a int) \\crosstabview
\\pset null (n)
select who, name, amount from sales order by month, who \\crosstabview
\\pset null ''
`
const FOLDED = `create schema WÖRTER; create table WÖRTER.GRÖSSE (ID int, ÄB int);
\\dt WÖRTER.GRÖSSE
\\d WÖRTER.GRÖ*
\\dt wörter.*
\\dt "wÖrter"."grÖsse"
\\dn WÖ*
`
const OPERATOR_LISTS = `\\dAc btree int4
\\dAc+ gist point
\\dAf btree int4
\\dAf+ hash uuid
\\dAo btree float_ops
\\dAo+ gist point_ops
\\dAp btree float_ops
\\dAp+ hash uuid_ops
\\dAc brin
\\dF+ english
\\dFp+ default
\\dF+ nosuch
`
const LARGE_OBJECTS = `\\! head -c 600000 /dev/zero > lo.bin
\\lo_import lo.bin 'it''s a \\\\ comment'
\\echo :LASTOID
\\set oid :LASTOID
\\lo_list
\\dl
\\lo_list+
\\lo_export :oid lo2.bin
\\! cmp lo.bin lo2.bin && echo same
\\lo_unlink :oid
\\lo_unlink :oid
\\lo_export 999999 lo3.bin
\\lo_export
\\lo_import
\\lo_import nofile
begin;
\\lo_import lo.bin
rollback;
\\lo_list
begin; 
select 1/0;
\\lo_import lo.bin
rollback;
`
const NAMED_STATEMENTS = `select $1::int + $2::int as sum \\parse added
\\bind_named added 1 2 \\g
\\bind_named added 3 4
;
\\close_prepared added
\\bind_named added 1 2 \\g
\\startpipeline
`

const ECHOED = `select 1;
\\set ECHO all
select 2,

 '

x' as q;
\\set ECHO none
select 3;
create table ht (a text);
\\d+ ht
\\dt+ ht
\\set HIDE_TABLEAM on
\\set HIDE_TOAST_COMPRESSION on
\\d+ ht
\\dt+ ht
\\unset HIDE_TABLEAM
create view hv as select * from ht;
create rule updlog as on update to hv do also insert into ht values ('x');
\\d+ hv
\\pset format wrapped
\\pset expanded on
\\pset columns 20
prepare q as select array_to_string(array_agg(repeat('x',2*n)),E'\\n') as "ab

c", array_to_string(array_agg(repeat('y',20-2*n)),E'\\n') as "a
bc" from generate_series(1,10) as n(n) group by n>1 order by n>1;
execute q;
\\pset border 0
execute q;
\\pset border 2
execute q;
\\pset linestyle unicode
execute q;
\\pset format aligned
execute q;
\\pset border 1
execute q;
\\pset format wrapped
select repeat('x', 50) as long, 1 as short;
\\pset columns 0
execute q;
drop table ht cascade;
`
const WARNED = `set standard_conforming_strings = off;
set escape_string_warning = on;
select 'a\\\\b' as f1,
  'c\\\\d' as f2;
select 1 + \\gdesc
select \\gdesc
-- a remark before it
select nowhere \\gdesc
prepare p as select $1;
`

/** Cases that PostgreSQL's own regression scripts found (test/longer/regress.mjs). */
const REGRESSED = `\\set ON_ERROR_ROLLBACK on
create table oer (a int);
begin;
insert into oer values (5);
commit and chain;
insert into oer values (6);
savepoint mine;
insert into oer values (7);
rollback to mine;
release mine;
commit;
table oer;
\\set ON_ERROR_ROLLBACK off
select 3 as three \\; select 'x' as x \\; select 4 as four \\gset
\\echo :three :four
\\set SHOW_ALL_RESULTS off
select 1 as one \\; select 2 as two;
select 1 as one \\; select 2 as two \\g (format=csv)
\\set SHOW_ALL_RESULTS on
\\pset fieldsep | \`touch obeyed\` :three :'four'
\\echo '-n' with newline
\\echo -n without
\\echo
select 'last' as last;
\\if false
 not okay;
\\endif
-- the last statement still is
\\g
create table with_serial (id serial);
\\x
\\d with_serial_id_seq
\\pset format unaligned
\\d with_serial_id_seq
\\pset format csv
\\pset csv_fieldsep '.'
select '\\' as d1, '' as d2;
\\pset csv_fieldsep ''
\\pset csv_fieldsep '\\n'
\\pset csv_fieldsep ',,'
\\pset format asciidoc
select '   ' as blank, 1 as a;
\\x
select '   ' as blank, 1 as a;
\\pset format html
select '   ' as blank, 1 as a;
\\pset format a
\\pset format aligned
\\dt nowhere.public.oer
\\dn nowhere.public
\\dn a.b.c
\\df nowhere.pg_catalog.lower
\\set QUIET on
\\dt nosuch
\\drds nosuch
\\set QUIET off
\\dt nosuch
`

describe.skipIf(!isPsqlComparable)('commands that are rarely needed', () => {
  test('\\crosstabview', () => expectSame(CROSSTABS))
  test('names without quotes: only A to Z become lower case', () => expectSame(FOLDED))
  test('savepoints of ON_ERROR_ROLLBACK, the last of several results, words too many, blank values', () =>
    expectSame(REGRESSED))
  test('ECHO in the middle, hidden methods, wrapped records', () => expectSame(ECHOED))
  test('where in a statement a notice is, and an error of \\gdesc', () => expectSameButLines(WARNED))
  test('operator classes and families, text search', () => expectSame(OPERATOR_LISTS))
  test('large objects', async () => {
    const { ours, theirs } = await compare(LARGE_OBJECTS)
    const withoutNumbers = (text: string): string => text.replace(/\b\d{5,}\b/g, 'NUMBER')
    const plain = ({ stdout, stderr, ...rest }: typeof ours): object => ({
      ...rest,
      stdout: withoutNumbers(stdout),
      stderr: withoutNumbers(stderr),
    })
    expect(plain(ours)).toEqual(plain(theirs))
  })
})

test('statements of the session are named, executed and closed as psql 18 does it', async () => {
  const { stdout, stderr } = await runCli(['-tA', '-f', '-'], { server: sharedServer(), input: NAMED_STATEMENTS })
  expect(stdout).toBe('3\n7\n')
  expect(stderr).toContain('syncpg:<stdin>:6: ERROR:  prepared statement "added" does not exist\n')
  expect(stderr).toContain('syncpg:<stdin>:7: error: \\startpipeline: pipelines are not supported')
})
