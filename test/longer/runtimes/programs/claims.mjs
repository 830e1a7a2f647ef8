// The claims that every program here checks, however it was started: an answer, an error of the right class, values of
// the program's realm, a wait that is long enough to be armed for Ctrl-C, a time limit, and a connection that is usable
// after all that. They leave nothing in the database.
import assert from 'node:assert'

export function claims(db) {
  const con = db.connect(process.env.DSN)
  assert.equal(con.fetchval('select %s::int', [42]), 42)
  con.execute('create temporary table thing (id int primary key, at timestamptz, bytes bytea, tags text[])')
  const values = [1, new Date(1_700_000_000_000), new Uint8Array([1, 2, 3]), ['a', 'b']]
  con.executemany('insert into thing values (%s, %s, %s, %s)', [values])
  con.commit()
  const [[id, at, bytes, tags]] = con.fetch('select * from thing')
  assert.equal(
    `${id} ${at.toISOString()} ${Buffer.from(bytes).toString('hex')} ${tags}`,
    '1 2023-11-14T22:13:20.000Z 010203 a,b',
  )
  assert.equal(con.fetchval('select %(a)s::int', new Map([['a', 7]])), 7)
  fails(() => con.execute('insert into thing values (1)'), [db.UniqueViolationError, db.IntegrityError, db.Error])
  con.rollback()
  assert.equal(con.fetchval("select pg_sleep(0.3)::text || 'slept'"), 'slept')
  fails(() => con.execute('select pg_sleep(60)', null, { timeout: 200 }), [db.QueryTimeoutError, db.OperationalError])
  con.rollback()
  assert.deepEqual(con.execute('select id, tags[1] as tag from thing').fetchobjects(), [{ id: 1, tag: 'a' }])
  con.close()
  return 'all claims hold'
}

/** The claims as tests of a runner. They also check that its `toEqual` accepts rows as equal to plain literals. */
export function register({ test, expect }, db) {
  test('all claims hold', () => void claims(db))

  test('rows equal literals', () => {
    const con = db.connect(process.env.DSN)
    expect(con.fetchrow("select 1 as id, 'a' as name")).toEqual({ id: 1, name: 'a' })
    expect(() => con.execute('select nonsense')).toThrow(db.UndefinedColumnError)
    con.close()
  })
}

/** It throws an error of all these classes, and the stack begins in this file or wherever a bundler has put it. */
function fails(run, classes) {
  let thrown = null
  try {
    run()
  } catch (error) {
    thrown = error
  }
  assert.notEqual(thrown, null)
  for (const one of classes) assert.ok(thrown instanceof one, `${thrown.name} is not a ${one.name}`)
  assert.match(thrown.stack, /\n {4}at [^\n]*(claims|bundle)\.[cm]js/)
  assert.doesNotMatch(thrown.stack.split('\n    at ')[1], /node_modules/)
}
