/** The async API of syncpg. */

export async function open(target, { dist }) {
  const { connect } = await import(new URL('async.js', dist).href)
  const con = await connect(target.dsn)
  return {
    isBlocking: false,
    one: (sql) => con.fetchrow(sql),
    rows: (sql) => con.fetch(sql),
    query: (sql, values) => con.fetch(sql, values),
    command: (sql) => con.execute(sql),
    stream: (sql, size, take) =>
      con.transaction(async () => {
        for await (const row of con.cursor(sql, [], { prefetch: size })) take(row)
      }),
    manyInFlight: (sql, count) =>
      con.pipeline((pipe) => Promise.all(Array.from({ length: count }, () => pipe.fetchrow(sql)))),
    insertMany: (sql, records) => con.executemany(sql, records),
    inTransaction: (sql, records) =>
      con.transaction(async () => {
        for (const record of records) await con.execute(sql, record)
      }),
    copyRecords: (table, columns, records) => con.copyRecordsToTable(table, { columns, records }),
    close: () => con.close(),
  }
}
