/** The blocking API of syncpg, as a script uses it. */

export async function open(target, { dist }) {
  const db = await import(new URL('index.js', dist).href)
  const con = db.connect(target.dsn, { autocommit: true })
  return {
    isBlocking: true,
    one: (sql) => con.execute(sql).fetchone(),
    rows: (sql) => con.fetch(sql),
    query: (sql, values) => con.fetch(sql, values),
    command: (sql) => con.execute(sql),
    stream: (sql, size, take) =>
      con.transaction(() => {
        for (const row of con.cursor().stream(sql, [], { size })) take(row)
      }),
    insertMany: (sql, records) => con.executemany(sql, records),
    inTransaction: (sql, records) =>
      con.transaction(() => {
        for (const record of records) con.execute(sql, record)
      }),
    copyRecords: (table, columns, records) => con.copyRecordsToTable(table, { columns, records }),
    close: () => con.close(),
  }
}
