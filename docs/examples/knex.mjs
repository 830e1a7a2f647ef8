// Knex over syncpg, by a dialect of a few lines: `node knex.mjs [dsn]`. No package `pg` is needed.
import knex from 'knex'
import ClientPg from 'knex/lib/dialects/postgres/index.js'
import pg from 'syncpg/pg'
import QueryStream from 'syncpg/pg/query-stream'

class SyncpgKnex extends ClientPg {
  _driver() {
    return pg
  }
  _stream(connection, { sql, bindings }, stream, options) {
    return new Promise((resolve, reject) => {
      const rows = connection.query(new QueryStream(sql, bindings, options))
      rows.on('error', (error) => {
        reject(error)
        stream.emit('error', error)
      })
      rows.on('end', resolve)
      rows.pipe(stream)
    })
  }
}

// As `connectionString` it reaches syncpg as it is; a bare string is read by Knex, which knows fewer forms (no socket's folder, no `pglite:`).
const connectionString = process.argv[2] ?? process.env.DATABASE_URL
const db = knex({ client: SyncpgKnex, connection: { connectionString }, pool: { min: 0, max: 5 } })

await db.schema.createTable('city', (table) => {
  table.increments('id')
  table.string('name').notNullable().unique()
  table.jsonb('tags')
  table.bigInteger('people')
})
await db('city').insert([
  { name: 'Oslo', tags: JSON.stringify(['north']), people: 700_000 },
  { name: 'Lima', tags: JSON.stringify(['south']), people: 10_000_000 },
])
// Values are pg's: a bigint is a string.
console.log(await db('city').where('people', '>', 1_000_000).select('name', 'tags', 'people'))

await db
  .transaction(async (trx) => {
    await trx('city').where({ name: 'Lima' }).del()
    await trx('city').insert({ name: 'Oslo' })
  })
  .catch((error) => console.log(error.code, error.constraint))
console.log(await db('city').count('* as cities').first())

for await (const { name } of db('city').orderBy('name').stream()) console.log(name)
await db.destroy()
