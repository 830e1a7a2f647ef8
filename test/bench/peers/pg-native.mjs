/** pg-native: the blocking calls of libpq through an addon. It is the usual way to block on PostgreSQL in Node. */

export async function open(target) {
  const { Client } = await load()
  const client = new Client()
  const { host, port, user, password, database, sslmode, sslrootcert } = target
  const where = `host=${host} port=${port} user=${user} password=${password} dbname=${database}`
  client.connectSync(`${where} sslmode=${sslmode} sslrootcert='${sslrootcert}'`)
  const names = new Map()
  const prepared = (text, values) => {
    let name = names.get(text)
    if (name === undefined) {
      name = `bench_${names.size}`
      names.set(text, name)
      client.prepareSync(name, text, values.length)
    }
    return client.executeSync(name, values)
  }
  const insert = (sql, records) => {
    client.querySync('begin')
    for (const record of records) prepared(sql, record.map(String))
    client.querySync('commit')
  }
  return {
    isBlocking: true,
    one: (sql) => prepared(sql, [])[0],
    rows: (sql) => prepared(sql, []),
    command: (sql) => client.querySync(sql),
    insertMany: insert,
    inTransaction: insert,
    close: () => client.end(),
  }
}

async function load() {
  try {
    return { Client: (await import('pg-native')).default }
  } catch (error) {
    throw new Error('it is not built here: it needs libpq and its headers (Debian: libpq-dev)', { cause: error })
  }
}
