/** The async face. */

export async function open(target, { dist }) {
  const { connect } = await import(new URL('async.js', dist).href)
  const con = await connect(target.dsn)
  return {
    isBlocking: false,
    one: (sql) => con.fetchrow(sql),
    rows: (sql) => con.fetch(sql),
    command: (sql) => con.execute(sql),
    insertMany: (sql, records) => con.executemany(sql, records),
    copyRecords: (table, columns, records) => con.copyRecordsToTable(table, { columns, records }),
    close: () => con.close(),
  }
}
