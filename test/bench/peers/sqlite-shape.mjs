/** syncpg/sqlite-shape: the API of SQLite's clients, with a PostgreSQL server behind it. */

export async function open(target, { dist }) {
  const { DatabaseSync } = await import(new URL('sqlite-shape.js', dist).href)
  return sqliteClient(new DatabaseSync(target.dsn))
}

/**
 * The client for SQLite and for syncpg/sqlite-shape, which have the same API. @param setUp runs once, for example to
 * make a table
 */
export function sqliteClient(db, setUp = () => {}) {
  setUp(db)
  const byKey = db.prepare('select id, name, price, note from bench_sqlite where id = ?')
  const all = db.prepare('select id, name, price, note from bench_sqlite where id <= 1000 order by id')
  const insert = db.prepare('insert into bench_sqlite (id, name, price, note) values (?, ?, ?, ?)')
  const clear = db.prepare('delete from bench_sqlite where id > 1000')
  const run = (rows) => {
    for (const row of rows) insert.run(...row)
  }
  // node:sqlite has no `transaction`.
  const insertAll = db.transaction?.(run) ?? inTransaction(db, run)
  return {
    isBlocking: true,
    getByKey: (id) => byKey.get(id),
    allRows: () => all.all(),
    insertAll,
    clear: () => clear.run(),
    one: (sql) => db.prepare(sql).get(),
    close: () => db.close(),
  }
}

function inTransaction(db, run) {
  return (rows) => {
    db.exec('begin')
    run(rows)
    db.exec('commit')
  }
}
