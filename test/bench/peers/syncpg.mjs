/** The blocking face, as a script uses it. */

export async function open(target, { dist }) {
  const db = await import(new URL('index.js', dist).href)
  const con = db.connect(target.dsn, { autocommit: true })
  return {
    isBlocking: true,
    one: (sql) => con.execute(sql).fetchone(),
    rows: (sql) => con.fetch(sql),
    command: (sql) => con.execute(sql),
    insertMany: (sql, records) => con.executemany(sql, records),
    copyRecords: (table, columns, records) => con.copyRecordsToTable(table, { columns, records }),
    close: () => con.close(),
  }
}
