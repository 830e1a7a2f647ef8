/** What a user of psycopg (2 and 3) writes by habit. The guide `docs/guides/psycopg.md` has the same in its table. */
import * as db from 'syncpg'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { type Habit, expectOutcome, gives, noSuchName, refused, runHabit } from '../support/habits.ts'
import { askServer, createDatabase, sharedServer } from '../support/shared-server.ts'

const database = `psycopg_habits_${process.pid}`
const SETUP = `
  drop table if exists item, color;
  create temp table item (id int generated always as identity primary key, name text, doc jsonb);
  create temp table color (name text constraint color_name_key primary key);
  insert into item (name) values ('abc'), ('abd');
  insert into color values ('red')`

/** Before the code of a row: `conn`, a cursor `cur`, the module as `psycopg`. */
const HABITS: readonly Habit[] = [
  // Connecting
  ['psycopg.connect(dsn)', 'psycopg.connect(dsn).close(); return 1', gives(1)],
  [
    'psycopg.connect(dsn, autocommit=True)',
    'const c = psycopg.connect(dsn, { autocommit: true }); try { return c.autocommit } finally { c.close() }',
    gives(true),
  ],
  [
    "psycopg.connect(dbname='x')",
    "psycopg.connect({ dbname: 'x' })",
    refused('ProgrammingError', 'did you mean database?'),
  ],
  [
    'psycopg.connect(dsn, connect_timeout=3)',
    'psycopg.connect(dsn, { connect_timeout: 3 })',
    refused('ProgrammingError', 'use timeout, in milliseconds'),
  ],
  [
    "psycopg.connect(dsn, options='-c …')",
    "psycopg.connect(dsn, { options: '-c statement_timeout=5s' })",
    refused('ProgrammingError', 'serverSettings: { name: value }'),
  ],
  [
    'psycopg.connect(dsn, row_factory=dict_row)',
    "psycopg.connect(dsn, { row_factory: 'dict_row' })",
    refused('ProgrammingError', 'did you mean rowFactory?'),
  ],
  [
    'psycopg.connect(dsn, cursor_factory=RealDictCursor)',
    "psycopg.connect(dsn, { cursor_factory: 'x' })",
    refused('ProgrammingError', 'rowFactory'),
  ],
  [
    'with psycopg.connect(dsn) as conn: …',
    'return psycopg.withConnection(dsn, (conn) => conn.fetchval("select 1"))',
    gives(1),
  ],
  ['ConnectionPool(dsn)', 'new psycopg.ConnectionPool(dsn)', noSuchName('ConnectionPool is not a constructor')],
  // Asking
  ["cur.execute('… %s', (1,))", "cur.execute('select %s + 1', [1]); return cur.fetchone()[0]", gives(2)],
  [
    "cur.execute('… %s', 1)",
    "cur.execute('select %s + 1', 1)",
    refused('ProgrammingError', 'wrap the value in an array'),
  ],
  [
    "cur.execute('… %s … %s', 1, 2)",
    "cur.execute('select %s + %s', 1, 2)",
    refused('ProgrammingError', 'the parameters come in one array'),
  ],
  ["cur.execute('… %(a)s', {'a': 1})", "cur.execute('select %(a)s + 1', { a: 1 }); return cur.fetchone()[0]", gives(2)],
  [
    "cur.execute('… :a', {'a': 1})",
    "cur.execute('select :a', { a: 1 })",
    refused('ProgrammingError', "paramstyle: 'named'"),
  ],
  ["cur.execute('… %d', (1,))", "cur.execute('select %d', [1])", refused('ProgrammingError', 'a marker is always %s')],
  [
    "cur.execute(\"… '%s'\", ('a',))",
    'cur.execute("select \'%s\'", ["a"])',
    refused('ProgrammingError', 'remove the quotes'),
  ],
  [
    'cur.execute("… like \'ab%%\' …")',
    'return cur.execute("select name from item where name like \'ab%%\' and id > %s", [0]).rowcount',
    gives(2),
  ],
  [
    "cur.execute('… like %s%', …)",
    'cur.execute("select name from item where name like %s%", ["ab"])',
    refused('ProgrammingError', 'is a part of the value'),
  ],
  [
    "cur.execute('… in %s', (tuple,))",
    'cur.execute("select 1 where 1 in %s", [[1, 2]])',
    refused('ProgrammingError', '= any(…)'),
  ],
  [
    "cur.execute('… in (%s)', (list,))",
    'cur.execute("select 1 where 1 in (%s)", [[1, 2]])',
    refused('DataError', 'x = any(…)'),
  ],
  [
    "cur.execute('… = any(%s)', (list,))",
    'return cur.execute("select name from item where id = any(%s)", [[1, 2]]).rowcount',
    gives(2),
  ],
  [
    "cur.execute('select * from %s', ('t',))",
    'cur.execute("select * from %s", ["item"])',
    refused('ProgrammingError', 'quoteIdentifier(name)'),
  ],
  [
    "cur.execute('… interval %s', …)",
    'cur.execute("select now() - interval %s", ["1 day"])',
    refused('ProgrammingError', 'cast(… as interval)'),
  ],
  [
    "cur.execute('set x = %s', …)",
    'cur.execute("set statement_timeout = %s", [100])',
    refused('ProgrammingError', 'set_config'),
  ],
  [
    "cur.execute('notify c, %s', …)",
    'cur.execute("notify c, %s", ["x"])',
    refused('ProgrammingError', 'pg_notify(channel, payload)'),
  ],
  [
    "cur.execute('create table … default %s')",
    'cur.execute("create temp table x (a text default %s)", ["q"])',
    refused('ProgrammingError', "format('… %L', value)"),
  ],
  [
    "cur.execute('create role … password %s')",
    'cur.execute("create role nobody password %s", ["q"])',
    refused('ProgrammingError', "format('… %L', value)"),
  ],
  [
    "cur.execute('select 1; select 2')",
    "cur.execute('select 1; select 2'); cur.nextset(); return cur.fetchone()[0]",
    gives(2),
  ],
  [
    "cur.execute('…; … %s', …)",
    "cur.execute('select 1; select %s', [2])",
    refused('ProgrammingError', 'execute them one by one'),
  ],
  ['cur.execute(sql, prepare=True)', "return cur.execute('select 1', null, { prepare: true }).fetchone()[0]", gives(1)],
  [
    'cur.execute(sql, binary=True)',
    "cur.execute('select 1', null, { binary: true })",
    refused('ProgrammingError', 'unknown option "binary"'),
  ],
  ['conn.execute(sql).fetchall()', "return conn.execute('select 1 as a').fetchall().map((row) => row.a)", gives([1])],
  ["cur.mogrify('… %s', (1,))", "cur.mogrify('select %s', [1])", refused('ProgrammingError', 'format(text, …values)')],
  ['cur.callproc(name, (a,))', "cur.callproc('lower', ['A']); return cur.fetchone()[0]", gives('a')],
  // Rows
  ['cur.fetchone()[0]', "return cur.execute('select 7').fetchone()[0]", gives(7)],
  ['a, b = cur.fetchone()', "const [a, b] = cur.execute('select 1, 2').fetchone(); return a + b", gives(3)],
  ['cur.fetchone() is None', "return cur.execute('select 1 where false').fetchone()", gives(null)],
  ["row['name']", "return cur.execute('select 7 as name').fetchone()['name']", gives(7)],
  ['dict(row)', "return { ...cur.execute('select 7 as name').fetchone() }", gives({ name: 7 })],
  [
    'for id, name in cur',
    "const seen = []; for (const [n] of cur.execute('select generate_series(1, 3)')) seen.push(n); return seen",
    gives([1, 2, 3]),
  ],
  ['cur.fetchmany(2)', "return cur.execute('select generate_series(1, 3)').fetchmany(2).length", gives(2)],
  ['cur.fetchAll()', 'cur.fetchAll()', refused('ProgrammingError', 'did you mean fetchall?')],
  ['cur.rowcount', "return cur.execute('update item set name = name').rowcount", gives(2)],
  ['cur.rowCount', 'return cur.rowCount', refused('ProgrammingError', 'did you mean rowcount?')],
  [
    '[d[0] for d in cur.description]',
    "return cur.execute('select 1 as a, 2 as b').description.map((d) => d[0])",
    gives(['a', 'b']),
  ],
  [
    '[d.name for d in cur.description]',
    "return cur.execute('select 1 as a').description.map((d) => d.name)",
    gives(['a']),
  ],
  ['cur.statusmessage', "return cur.execute('select 1').statusmessage", gives('SELECT 1')],
  [
    "cur.execute('insert …'); cur.fetchone()",
    'cur.execute("insert into item (name) values (\'x\')"); cur.fetchone()',
    refused('ProgrammingError', 'returned no rows'),
  ],
  [
    "'insert … returning id'",
    "return cur.execute('insert into item (name) values (%s) returning name', ['x']).fetchone()[0]",
    gives('x'),
  ],
  ['conn.row_factory = dict_row', 'conn.row_factory = 1', refused('ProgrammingError', 'the option rowFactory')],
  [
    'conn.cursor(row_factory=dict_row)',
    "return conn.cursor({ rowFactory: 'object' }).execute('select 1 as a').fetchone()",
    gives({ a: 1 }),
  ],
  ['conn.execute(sql)[0]', "return conn.execute('select 1')[0]", refused('ProgrammingError', 'fetchone() one row')],
  // Many
  [
    'cur.executemany(sql, rows)',
    "return cur.executemany('insert into item (name) values (%s)', [['a'], ['b']]).rowcount",
    gives(2),
  ],
  [
    "cur.executemany(sql, ['a', 'b'])",
    "cur.executemany('insert into item (name) values (%s)', ['a', 'b'])",
    refused('ProgrammingError', 'wrap the value in an array'),
  ],
  [
    'cur.executemany(sql, rows, returning=True)',
    "cur.executemany('insert into item (name) values (%s) returning name', [['a'], ['b']], { returning: true }); cur.nextset(); return cur.fetchone()[0]",
    gives('b'),
  ],
  [
    "execute_values(cur, 'insert … values %s', rows)",
    "cur.execute('insert into item (name) values %s', [[['a']]])",
    refused('ProgrammingError', 'executemany for many rows'),
  ],
  [
    "with cur.copy('copy t from stdin') as copy: copy.write_row(…)",
    "cur.copy('copy item (name) from stdin', (copy) => { copy.write_row(['a']) })",
    refused('ProgrammingError', 'did you mean writeRow?'),
  ],
  [
    "cur.copy('copy t from stdin')",
    "cur.copy('copy item (name) from stdin')",
    refused('ProgrammingError', 'expected a function'),
  ],
  [
    "for data in cur.copy('copy … to stdout')",
    "let text = ''; cur.copy('copy (select 1) to stdout', (copy) => { for (const data of copy) text += data }); return text",
    gives('1\n'),
  ],
  [
    'cur.copy_from(file, table)',
    "cur.copy_from('f', 'item')",
    refused('ProgrammingError', 'con.copyToTable(table, { source })'),
  ],
  [
    'cur.copy_expert(sql, file)',
    "cur.copy_expert('copy item from stdin', 'f')",
    refused('ProgrammingError', 'cursor.copy(sql, fn)'),
  ],
  ["conn.cursor(name='big')", "conn.cursor({ name: 'big' })", refused('ProgrammingError', "cursor('name', {")],
  [
    "conn.cursor('big')",
    "const big = conn.cursor('big'); big.execute('select generate_series(1, 5)'); return big.fetchmany(2).length",
    gives(2),
  ],
  ['cur.itersize = 100', 'cur.itersize = 100', refused('ProgrammingError', 'cursor(name, { itersize })')],
  ['for row in cur.stream(sql)', "return [...cur.stream('select generate_series(1, 3)')].length", gives(3)],
  ['with conn.pipeline()', 'conn.pipeline(() => 1)', refused('ProgrammingError', "pipelines are in 'syncpg/async'")],
  // Transactions
  ['conn.autocommit = True', 'conn.rollback(); conn.autocommit = true; return conn.autocommit', gives(true)],
  [
    'conn.set_session(autocommit=True)',
    'conn.set_session({ autocommit: true })',
    refused('ProgrammingError', 'con.autocommit'),
  ],
  [
    'conn.isolation_level = SERIALIZABLE',
    "conn.isolation_level = 'serializable'",
    refused('ProgrammingError', 'did you mean isolationLevel?'),
  ],
  [
    "conn.isolationLevel = 'SERIALIZABLE'",
    "conn.rollback(); conn.isolationLevel = 'SERIALIZABLE'",
    refused('ProgrammingError', 'one of read uncommitted, read committed'),
  ],
  [
    'with conn.transaction(): … (nested)',
    "return conn.transaction(() => conn.transaction(() => conn.fetchval('select 1')))",
    gives(1),
  ],
  ['tx = conn.transaction()', 'conn.transaction()', refused('ProgrammingError', 'commit() or rollback() ends it')],
  ["conn.transaction('savepoint')", "conn.transaction('sp', () => 1)", refused('ProgrammingError', 'is a savepoint')],
  [
    'conn.transaction(force_rollback=True)',
    'conn.transaction({ force_rollback: true }, () => 1)',
    refused('ProgrammingError', 'unknown option "force_rollback"'),
  ],
  ['raise psycopg.Rollback()', 'return conn.transaction(() => { throw new psycopg.Rollback(5) })', gives(5)],
  ['conn.commit() twice', 'conn.commit(); conn.commit(); return conn.info.status', gives('idle')],
  ['conn.info.transaction_status', 'return conn.info.transaction_status', refused('ProgrammingError', 'use status')],
  // Values
  ['None', "return cur.execute('select %s is null', [null]).fetchone()[0]", gives(true)],
  [
    'a name that is not there',
    "return cur.execute('select %s', [({}).nosuch])",
    refused('ProgrammingError', 'undefined is nearly always a misspelled property'),
  ],
  ["Decimal('1.10')", "return cur.execute('select %s::numeric + 1', ['1.10']).fetchone()[0]", gives('2.10')],
  ['count(*)', "return cur.execute('select count(*) from item').fetchone()[0]", gives(2n)],
  ['datetime', "return cur.execute('select %s::timestamptz', [new Date(0)]).fetchone()[0]", gives(new Date(0))],
  [
    'date',
    "return String(cur.execute('select %s::date + 1', [psycopg.Date(2024, 2, 28)]).fetchone()[0])",
    gives('2024-02-29'),
  ],
  ['timedelta', 'return String(cur.execute("select interval \'26 hours\'").fetchone()[0])', gives('26:00:00')],
  [
    'a dict for jsonb',
    "return cur.execute('insert into item (doc) values (%s) returning doc', [{ a: 1 }]).fetchone()[0]",
    gives({ a: 1 }),
  ],
  [
    'Json({…})',
    "return cur.execute('insert into item (doc) values (%s) returning doc', [psycopg.Json({ a: 1 })]).fetchone()[0]",
    gives({ a: 1 }),
  ],
  [
    "cur.execute('select %s', (Json({…}),))",
    "cur.execute('select %s', [psycopg.Json({ a: 1 })])",
    refused('DataError', '$1::jsonb'),
  ],
  ['Jsonb({…})', 'new psycopg.Jsonb({ a: 1 })', noSuchName('Jsonb is not a constructor')],
  [
    'json.dumps(…) for jsonb',
    "return cur.execute('select %s::text::jsonb', [JSON.stringify({ a: 1 })]).fetchone()[0]",
    gives({ a: 1 }),
  ],
  ['a list for an array', "return cur.execute('select %s::int[]', [[1, 2]]).fetchone()[0]", gives([1, 2])],
  [
    'bytes',
    "return cur.execute('select %s', [psycopg.Binary(Buffer.from('a'))]).fetchone()[0]",
    gives(Buffer.from('a')),
  ],
  ['an int too big', "cur.execute('select %s::int', [2 ** 31])", refused('DataError', 'out of range for int4')],
  ["'a\\0b'", "cur.execute('select %s', ['a\\0b'])", refused('DataError', 'NUL character')],
  [
    'register_adapter',
    'conn.adapters.register_dumper(1)',
    refused('ProgrammingError', 'con.setTypeCodec(name, { decoder, encoder })'),
  ],
  [
    'AsIs(name)',
    "return cur.execute('select count(*)::int from ' + psycopg.quoteIdentifier('item')).fetchone()[0]",
    gives(2),
  ],
  [
    'sql.Identifier',
    "return cur.execute(psycopg.sql`select ${1}::int as a from ${psycopg.sql.id('item')} limit 1`).fetchone()[0]",
    gives(1),
  ],
  // Errors
  [
    'except psycopg.errors.UniqueViolation',
    'try { cur.execute("insert into color values (\'red\')") } catch (e) { return [e instanceof psycopg.UniqueViolationError, e instanceof psycopg.IntegrityError] }',
    gives([true, true]),
  ],
  ['psycopg.errors.…', 'psycopg.errors.UniqueViolation', noSuchName("(reading 'UniqueViolation')")],
  [
    'e.sqlstate, e.pgcode',
    "try { cur.execute('selct') } catch (e) { return [e.sqlstate, e.pgcode] }",
    gives(['42601', '42601']),
  ],
  [
    'e.diag.constraint_name',
    'try { cur.execute("insert into color values (\'red\')") } catch (e) { return e.diag.constraint_name }',
    refused('ProgrammingError', 'error.constraintName'),
  ],
  ['except psycopg.Error', "try { cur.execute('selct') } catch (e) { return e instanceof psycopg.Error }", gives(true)],
  [
    'going on after an error',
    "try { cur.execute('selct') } catch {} cur.execute('select 1')",
    refused('InternalError', 'roll back first'),
  ],
  // Waiting
  [
    'for n in conn.notifies(): …',
    "conn.rollback(); conn.autocommit = true; conn.listen('habit'); conn.execute(\"notify habit, 'x'\"); for (const n of conn.notifies({ stopAfter: 1 })) return n.payload",
    gives('x'),
  ],
  ['conn.add_notify_handler(f)', 'conn.add_notify_handler(() => {})', refused('ProgrammingError', 'con.notifies()')],
  ['conn.notices', 'return conn.notices', refused('ProgrammingError', 'addNoticeListener(fn)')],
  ['conn.cancel()', 'conn.cancel(); return 1', gives(1)],
  // The rest
  ['conn.closed', 'return conn.closed', gives(false)],
  [
    'conn.info.server_version',
    'return conn.info.server_version',
    refused('ProgrammingError', 'did you mean serverVersion?'),
  ],
  ['conn.get_backend_pid()', 'conn.get_backend_pid()', refused('ProgrammingError', 'con.info.backendPid')],
  [
    "conn.set_client_encoding('LATIN1')",
    "conn.set_client_encoding('LATIN1')",
    refused('ProgrammingError', 'always sent as UTF-8'),
  ],
  ['conn.prepare_threshold = 1', 'conn.prepare_threshold = 1', refused('ProgrammingError', 'statementCacheSize')],
  ['conn.lobject()', 'conn.lobject()', refused('ProgrammingError', 'lo_get')],
  [
    'cur.close(); cur.execute(…)',
    "cur.close(); cur.execute('select 1')",
    refused('InterfaceError', 'cursor is closed'),
  ],
]

describe.each(['server', 'pglite'] as const)("a habit of psycopg's, on %s", (place) => {
  let conn: db.Connection
  let dsn = 'pglite:'
  beforeAll(async () => {
    if (place === 'server') {
      await createDatabase(sharedServer(), database)
      dsn = sharedServer().dsn({ database, transport: 'unix' })
    }
    conn = db.connect(dsn)
    conn.execute('set client_min_messages to warning')
    conn.commit()
  }, 60_000)
  afterAll(async () => {
    conn.close()
    if (place === 'server') await askServer(sharedServer(), `drop database if exists ${database} with (force)`)
  })

  // Another database of the same process would cost seconds.
  const rows =
    place === 'server' ? HABITS : HABITS.filter(([, code]) => !/\(dsn\)|dsn, \(|dsn, \{ autocommit/.test(code))
  test.each(rows)('%s', (_, code, outcome) => {
    conn.rollback()
    conn.autocommit = false
    conn.execute(SETUP)
    const cur = conn.cursor()
    let found: { gave: unknown } | { threw: unknown }
    try {
      found = { gave: runHabit(code, { psycopg: db, dsn, conn, cur }) }
    } catch (error) {
      found = { threw: error }
    }
    if (!conn.closed) conn.rollback()
    expectOutcome(found, outcome)
  })
})
