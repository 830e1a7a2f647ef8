const db = require('syncpg')
const async = require('syncpg/async')
const { DatabaseSync } = require('syncpg/sqlite-shape')

test('blocking', () => {
  const con = db.connect(process.env.DSN)
  expect(con.fetchrow("select 1 as id, 'a' as name")).toEqual({ id: 1, name: 'a' })
  expect(() => con.execute('select nonsense')).toThrow(async.UndefinedColumnError)
  con.close()
})

test('async', async () => {
  const con = await async.connect(process.env.DSN)
  expect(await con.fetchval('select $1::int', [42])).toBe(42)
  await expect(con.execute('select nonsense')).rejects.toThrow(db.UndefinedColumnError)
  await con.close()
})

test('the shape of SQLite', () => {
  const database = new DatabaseSync(process.env.DSN)
  expect(database.prepare('select 42 as answer').get().answer).toBe(42)
  database.close()
})

test('an embedded database, blocking', () => {
  const con = db.connect('pglite:')
  expect(con.fetchval('select 42')).toBe(42)
  con.close()
}, 60_000)
