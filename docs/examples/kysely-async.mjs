// Kysely over a pool: `node kysely-async.mjs [dsn]`. Tables by Kysely's schema builder, rows, a join, a transaction, a stream.
import { Kysely, sql } from 'kysely'
import { UniqueViolationError, createPool } from 'syncpg/async'
import { SyncpgDialect } from 'syncpg/kysely'

const dsn = process.argv[2] ?? process.env.DATABASE_URL
const db = new Kysely({ dialect: new SyncpgDialect({ pool: () => createPool(dsn, { maxSize: 5 }) }) })

await db.schema
  .createTable('artist')
  .addColumn('id', 'integer', (column) => column.primaryKey().generatedAlwaysAsIdentity())
  .addColumn('name', 'text', (column) => column.notNull().unique())
  .execute()
await db.schema
  .createTable('album')
  .addColumn('artist_id', 'integer', (column) => column.references('artist.id').notNull())
  .addColumn('title', 'text', (column) => column.notNull())
  .addColumn('released', 'date')
  .execute()

const { id } = await db.insertInto('artist').values({ name: 'Nina Simone' }).returning('id').executeTakeFirstOrThrow()
await db
  .insertInto('album')
  .values([
    { artist_id: id, title: 'Pastel Blues', released: '1965-10-01' },
    { artist_id: id, title: 'Wild Is the Wind', released: '1966-09-01' },
  ])
  .execute()

const albums = await db
  .selectFrom('artist')
  .innerJoin('album', 'album.artist_id', 'artist.id')
  .select(['name', 'title', 'released'])
  .orderBy('released')
  .execute()
for (const { name, title, released } of albums) console.log(`${name}: ${title}, ${released}`)

// What fails undoes the whole transaction. Errors are syncpg's: told apart by class, or by `sqlstate`.
try {
  await db.transaction().execute(async (trx) => {
    await trx.deleteFrom('album').execute()
    await trx.insertInto('artist').values({ name: 'Nina Simone' }).execute()
  })
} catch (error) {
  if (!(error instanceof UniqueViolationError)) throw error
  console.log(`${error.sqlstate}: ${error.constraintName}`)
}
console.log(await db.selectFrom('album').select(db.fn.countAll().as('albums')).executeTakeFirst())

// A stream fetches rows in pieces, so a large result needs no large memory.
let sum = 0
const numbers = sql`generate_series(1, 100000)`.as(sql`number(n)`)
for await (const { n } of db.selectFrom(numbers).select('n').stream(1000)) sum += n
console.log(sum)

await db.destroy()
