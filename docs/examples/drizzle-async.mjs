// Drizzle over a pool: `node drizzle-async.mjs [dsn]`. Rows, a relational query, nested transactions, a prepared query.
import { eq, relations, sql } from 'drizzle-orm'
import { date, integer, jsonb, pgTable, serial, text } from 'drizzle-orm/pg-core'
import { createPool } from 'syncpg/async'
import { drizzle } from 'syncpg/drizzle'

const author = pgTable('author', { id: serial().primaryKey(), name: text().notNull(), links: jsonb() })
const book = pgTable('book', {
  id: serial().primaryKey(),
  authorId: integer('author_id').references(() => author.id),
  title: text().notNull(),
  published: date(),
})
const schema = {
  author,
  book,
  authorRelations: relations(author, ({ many }) => ({ books: many(book) })),
  bookRelations: relations(book, ({ one }) => ({
    author: one(author, { fields: [book.authorId], references: [author.id] }),
  })),
}

const pool = await createPool(process.argv[2] ?? process.env.DATABASE_URL)
const db = drizzle(pool, { schema })

await db.execute(sql`
  create table author (id serial primary key, name text not null, links jsonb);
  create table book (id serial primary key, author_id int references author, title text not null, published date)`)

await db.transaction(async (tx) => {
  const [{ id }] = await tx
    .insert(author)
    .values({ name: 'Tove Jansson', links: { site: 'moomin.com' } })
    .returning()
  await tx.insert(book).values([
    { authorId: id, title: 'The Summer Book', published: '1972-01-01' },
    { authorId: id, title: 'Fair Play', published: '1989-01-01' },
  ])
  // An inner transaction is a savepoint: it alone is undone.
  await tx
    .transaction(async (inner) => {
      await inner.delete(book)
      inner.rollback()
    })
    .catch((error) => console.log(error.message))
})

console.log(JSON.stringify(await db.query.author.findMany({ with: { books: { columns: { title: true } } } })))

const byTitle = db
  .select({ title: book.title, by: author.name })
  .from(book)
  .innerJoin(author, eq(book.authorId, author.id))
  .where(eq(book.title, sql.placeholder('title')))
  .prepare('by_title')
console.log(await byTitle.execute({ title: 'Fair Play' }))

// drizzle-kit writes migrations; `await migrate(db, { migrationsFolder })` of syncpg/drizzle runs them.
await pool.close()
