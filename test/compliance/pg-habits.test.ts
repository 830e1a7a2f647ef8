/**
 * What a user of the npm package `pg` writes by habit, on syncpg/async itself. Programs that shall stay as they are take
 * `syncpg/pg`; the guide `docs/guides/coming-from-pg.md` has this table for those that move.
 */
import * as syncpg from 'syncpg/async'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { type Habit, expectOutcome, gives, noSuchName, refused, runAsyncHabit } from '../support/habits.ts'
import { askServer, createDatabase, sharedServer } from '../support/shared-server.ts'

const database = `pg_habits_${process.pid}`
const SETUP = `
  drop table if exists item, color;
  create temp table item (id int generated always as identity primary key, name text, doc jsonb);
  create temp table color (name text constraint color_name_key primary key);
  insert into item (name) values ('abc'), ('abd');
  insert into color values ('red')`

const pooled = (code: string): string =>
  `const pool = await syncpg.createPool(dsn, { minSize: 0, maxSize: 1 }); try { ${code} } finally { pool.terminate() }`

/** Before the code of a row: a connection `client`, the module as `syncpg`. */
const HABITS: readonly Habit[] = [
  // Connecting
  [
    'new Client({ connectionString })',
    'new syncpg.Client({ connectionString: dsn })',
    noSuchName('Client is not a constructor'),
  ],
  [
    'new Pool({ connectionString })',
    'new syncpg.Pool({ connectionString: dsn })',
    refused('ProgrammingError', 'createPool(dsn, options)'),
  ],
  [
    'connect({ connectionString })',
    'await syncpg.connect({ connectionString: dsn })',
    refused('ProgrammingError', 'did you mean dsn?'),
  ],
  ['client.connect()', 'await client.connect()', refused('ProgrammingError', 'returns an open connection')],
  ['client.end()', 'await client.end()', refused('ProgrammingError', 'use close()')],
  [
    'connectionTimeoutMillis',
    'await syncpg.connect(dsn, { connectionTimeoutMillis: 5 })',
    refused('ProgrammingError', 'use timeout, in milliseconds'),
  ],
  [
    'query_timeout',
    'await syncpg.connect(dsn, { query_timeout: 5 })',
    refused('ProgrammingError', 'commandTimeout, in milliseconds'),
  ],
  [
    'statement_timeout',
    'await syncpg.connect(dsn, { statement_timeout: 5 })',
    refused('ProgrammingError', "serverSettings: { statement_timeout: '5s' }"),
  ],
  [
    'idle_in_transaction_session_timeout',
    'await syncpg.connect(dsn, { idle_in_transaction_session_timeout: 5 })',
    refused('ProgrammingError', 'serverSettings: { name: value }'),
  ],
  [
    'application_name',
    "await syncpg.connect(dsn, { application_name: 'x' })",
    refused('ProgrammingError', 'did you mean applicationName?'),
  ],
  [
    'keepAlive: true',
    'await syncpg.connect(dsn, { keepAlive: true })',
    refused('ProgrammingError', 'keepalive is always on'),
  ],
  [
    'ssl: { rejectUnauthorized: false }',
    'await syncpg.connect(dsn, { ssl: { rejectUnauthorized: false } })',
    refused('ProgrammingError', "mode: 'require' encrypts without verifying"),
  ],
  [
    '?sslmode=no-verify',
    "await syncpg.connect(dsn + '&sslmode=no-verify')",
    refused('ClientConfigurationError', 'no-verify of other clients is require'),
  ],
  [
    '?schema=app',
    "await syncpg.connect(dsn + '&schema=app')",
    refused('ClientConfigurationError', "serverSettings: { search_path: '…' }"),
  ],
  [
    '?pgbouncer=true',
    "await syncpg.connect(dsn + '&pgbouncer=true')",
    refused('ClientConfigurationError', 'statementCacheSize: 0'),
  ],
  [
    '?connection_limit=3',
    "await syncpg.connect(dsn + '&connection_limit=3')",
    refused('ClientConfigurationError', 'createPool(dsn, { maxSize })'),
  ],
  // The pool
  ['max: 10', 'await syncpg.createPool(dsn, { max: 10 })', refused('ProgrammingError', 'maxSize')],
  [
    'idleTimeoutMillis',
    'await syncpg.createPool(dsn, { idleTimeoutMillis: 10 })',
    refused('ProgrammingError', 'maxInactiveLifetime, in milliseconds'),
  ],
  ['pool.fetch without release', pooled("return (await pool.fetch('select 1 as a'))[0].a"), gives(1)],
  ['pool.connect()', pooled('await pool.connect()'), refused('ProgrammingError', 'use acquire()')],
  [
    'client.release()',
    pooled('const one = await pool.acquire(); one.release()'),
    refused('ProgrammingError', 'pool.release(connection)'),
  ],
  ["pool.on('error')", pooled("pool.on('error', () => {})"), refused('ProgrammingError', 'the option onError')],
  ['pool.totalCount', pooled('return pool.totalCount'), refused('ProgrammingError', 'use getSize()')],
  ['pool.end()', pooled('await pool.end()'), refused('ProgrammingError', 'use close()')],
  // Asking
  [
    'query(text, values)',
    "const { rows, rowCount } = await client.query('select $1::int as a', [7]); return [rows[0].a, rowCount]",
    gives([7, 1]),
  ],
  [
    'query({ text, values })',
    "return (await client.query({ text: 'select $1::int as a', values: [7] })).rows[0].a",
    gives(7),
  ],
  [
    'query({ name, text, values })',
    "return (await client.query({ name: 'x', text: 'select $1::int as a', values: [7] })).rows[0].a",
    gives(7),
  ],
  [
    "query({ text, rowMode: 'array' })",
    "await client.query({ text: 'select 1, 2', rowMode: 'array' })",
    refused('ProgrammingError', "rowFactory: 'array'"),
  ],
  [
    'query(text, callback)',
    "await client.query('select 1', () => {})",
    refused('ProgrammingError', 'expected the arguments as an array'),
  ],
  ['query(text, 1)', "await client.query('select $1::int', 1)", refused('ProgrammingError', 'wrap them in []')],
  ['? as marker', "await client.query('select ? as a', [1])", refused('ProgrammingError', 'parameters are written $1')],
  ['no values', "await client.query('select $1::int')", refused('ProgrammingError', 'expects 1 argument')],
  ['result.fields', "return (await client.query('select 1 as a')).fields", refused('ProgrammingError', 'use columns')],
  [
    'result.command',
    "return (await client.query('select 1 as a')).command",
    refused('ProgrammingError', 'first word of tag'),
  ],
  [
    'two statements',
    "return (await client.query('select 1 as a; select 2 as a')).results.map(({ rows }) => rows[0].a)",
    gives([1, 2]),
  ],
  [
    'BEGIN, COMMIT',
    "await client.query('BEGIN'); await client.query(\"insert into item (name) values ('x')\"); return (await client.query('COMMIT')).tag",
    gives('COMMIT'),
  ],
  [
    'insert … returning',
    "return (await client.query('insert into item (name) values ($1) returning name', ['x'])).rows[0].name",
    gives('x'),
  ],
  ['in ($1)', "await client.query('select 1 where 1 in ($1)', [[1, 2]])", refused('DataError', 'x = any(…)')],
  ['= any($1)', "return (await client.query('select name from item where id = any($1)', [[1, 2]])).rowCount", gives(2)],
  [
    '$1 is null or x = $1',
    "return (await client.query('select name from item where $1 is null or name = $1', [null])).rowCount",
    gives(2),
  ],
  [
    '$1 is null or x = $2',
    "return (await client.query('select name from item where $1 is null or name = $2', [null, null])).rowCount",
    gives(2),
  ],
  [
    'two queries at once',
    "const [, second] = await Promise.allSettled([client.query('select 1'), client.query('select 2')]); throw second.reason",
    refused('InterfaceError', 'use a second one'),
  ],
  [
    '(await query(text))[0]',
    "return (await client.query('select 1'))[0]",
    refused('ProgrammingError', 'the property rows has the rows'),
  ],
  // Values
  ['int8', "return (await client.query('select count(*) from item')).rows[0].count", gives(2n)],
  [
    'types.setTypeParser(20, Number)',
    'client.setTypeParser(20, Number)',
    refused('ProgrammingError', "types: { int8: 'number' }"),
  ],
  [
    "types: { int8: 'number' }",
    "return (await client.query('select count(*) from item', [], { types: { int8: 'number' } })).rows[0].count",
    gives(2),
  ],
  ['numeric', "return (await client.query('select 1.10::numeric as a')).rows[0].a", gives('1.10')],
  ['date', 'return String((await client.query("select date \'2024-02-29\' as a")).rows[0].a)', gives('2024-02-29')],
  [
    'date as Date',
    'return (await client.query("select date \'2024-02-29\' as a")).rows[0].a.toDate().getUTCDate()',
    gives(29),
  ],
  ['Date', "return (await client.query('select $1::timestamptz as a', [new Date(0)])).rows[0].a", gives(new Date(0))],
  ['undefined', "await client.query('select $1::int', [undefined])", refused('ProgrammingError', 'use null')],
  [
    'an object for jsonb',
    "return (await client.query('insert into item (doc) values ($1) returning doc', [{ a: 1 }])).rows[0].doc",
    gives({ a: 1 }),
  ],
  [
    'an array for jsonb',
    "return (await client.query('insert into item (doc) values ($1) returning doc', [[1]])).rows[0].doc",
    gives([1]),
  ],
  [
    "JSON.stringify for jsonb, { values: 'text' }",
    "return (await client.query('insert into item (doc) values ($1) returning doc', [JSON.stringify({ a: 1 })], { values: 'text' })).rows[0].doc",
    gives({ a: 1 }),
  ],
  ['an object for text', "await client.query('select $1::text', [{ a: 1 }])", refused('DataError', 'JSON.stringify')],
  [
    'Buffer',
    "return (await client.query('select $1::bytea as a', [Buffer.from('a')])).rows[0].a",
    gives(Buffer.from('a')),
  ],
  ["'12' for int", "return (await client.query('select $1::int as a', ['12'])).rows[0].a", gives(12)],
  ['12 for text', "return (await client.query('select $1::text as a', [12])).rows[0].a", gives('12')],
  ['BigInt', "return (await client.query('select $1::int8 as a', [12n])).rows[0].a", gives(12n)],
  ['NaN for int', "await client.query('select $1::int', [NaN])", refused('DataError', 'NaN')],
  // Errors
  [
    "err.code === '23505'",
    'try { await client.query("insert into color values (\'red\')") } catch (err) { return err.code }',
    gives('23505'),
  ],
  [
    'err.constraint',
    'try { await client.query("insert into color values (\'red\')") } catch (err) { return [err.constraint, err.table] }',
    gives(['color_name_key', 'color']),
  ],
  [
    'err instanceof DatabaseError',
    "try { await client.query('selct') } catch (err) { return err instanceof syncpg.DatabaseError }",
    gives(true),
  ],
  // Events, cursors, COPY
  [
    "client.on('notification')",
    "client.on('notification', () => {})",
    refused('ProgrammingError', 'addListener(channel, fn)'),
  ],
  ["client.on('error')", "client.on('error', () => {})", refused('ProgrammingError', 'addTerminationListener(fn)')],
  [
    'LISTEN',
    "const heard = new Promise((resolve) => { client.addListener('habit', (_, { payload }) => resolve(payload)).then(() => client.execute(\"notify habit, 'x'\")) }); return heard",
    gives('x'),
  ],
  [
    'new Cursor(text)',
    'await client.query(new (class Cursor { submit() {} })())',
    refused('ProgrammingError', 'expected SQL as a string, got an object of class Cursor'),
  ],
  [
    'for await of a cursor',
    "return client.transaction(async () => { let sum = 0; for await (const { n } of client.cursor('select generate_series(1, 3) as n')) sum += n; return sum })",
    gives(6),
  ],
  [
    'copy … from stdin',
    "await client.query('copy item from stdin')",
    refused('ProgrammingError', 'copyRecordsToTable()'),
  ],
  ["pg-format('%I', name)", "return syncpg.format('select %I, %L', 'a b', \"it's\")", gives("select \"a b\", 'it''s'")],
  [
    'client.escapeIdentifier(name)',
    "client.escapeIdentifier('a')",
    refused('ProgrammingError', 'quoteIdentifier(name)'),
  ],
  ['client.processID', 'return client.processID', refused('ProgrammingError', 'use backendPid')],
]

describe.each(['server', 'pglite'] as const)("a habit of pg's, on %s", (place) => {
  let client: syncpg.Connection
  let dsn = 'pglite:'
  beforeAll(async () => {
    if (place === 'server') {
      await createDatabase(sharedServer(), database)
      dsn = sharedServer().dsn({ database, transport: 'unix' })
    }
    client = await syncpg.connect(dsn)
    await client.execute('set client_min_messages to warning')
  }, 60_000)
  afterAll(async () => {
    await client.close()
    if (place === 'server') await askServer(sharedServer(), `drop database if exists ${database} with (force)`)
  })

  // What is about servers, and databases of their own, which would cost seconds.
  const rows = place === 'server' ? HABITS : HABITS.filter(([, code]) => !code.includes('dsn'))
  test.each(rows)('%s', async (_, code, outcome) => {
    await client.reset()
    await client.execute(SETUP)
    let found: { gave: unknown } | { threw: unknown }
    try {
      found = { gave: await runAsyncHabit(code, { syncpg, dsn, client }) }
    } catch (error) {
      found = { threw: error }
    }
    expectOutcome(found, outcome)
  })
})
