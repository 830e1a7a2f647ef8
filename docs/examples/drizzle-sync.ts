// Drizzle without await: `node drizzle-sync.ts [dsn]` (Node 22.18 and later; `npx tsx drizzle-sync.ts` before). `executeSync` gives what
// `await` would, with the row types that Drizzle infers.
import { count, eq, sql } from 'drizzle-orm'
import { boolean, pgTable, serial, text, timestamp } from 'drizzle-orm/pg-core'
import { connect } from 'syncpg'
import { drizzleSync, executeSync as run } from 'syncpg/drizzle'

const task = pgTable('task', {
  id: serial().primaryKey(),
  title: text().notNull(),
  isDone: boolean('is_done').notNull().default(false),
  due: timestamp({ mode: 'date' }),
})

const con = connect(process.argv[2] ?? process.env['DATABASE_URL'], { autocommit: true })
const db = drizzleSync(con, { schema: { task } })
con.execute(
  'create table task (id serial primary key, title text not null, is_done bool not null default false, due timestamp)',
)

run(db.insert(task).values([{ title: 'write', due: new Date('2026-01-02T03:04:05Z') }, { title: 'read' }]))

// { id: number; title: string; isDone: boolean; due: Date | null }[]
const open = run(db.select().from(task).where(eq(task.isDone, false)).orderBy(task.id))
for (const { id, title, due } of open) console.log(id, title, due?.toISOString() ?? 'any time')

// A function that returns commits; one that throws leaves nothing. `tx.transaction` is a savepoint.
const left = db.transaction((tx) => {
  run(tx.update(task).set({ isDone: true }).where(eq(task.title, 'write')))
  const [row] = run(tx.select({ n: count() }).from(task).where(eq(task.isDone, false)))
  return row?.n
})
console.log(left)

const first = run(db.query.task.findFirst({ where: eq(task.isDone, true), columns: { title: true } }))
console.log(first?.title)
console.log(run(db.execute<{ total: string }>(sql`select count(*) as total from task`)).rows)

// `migrateSync(db, { migrationsFolder })` runs what drizzle-kit has written.
con.close()
