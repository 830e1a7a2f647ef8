// Prisma 7 over its own adapter for `pg`, which imports `pg`, so the package of docs/guides/pg.md stands in its place: types,
// relations, errors, both kinds of transactions, raw SQL.
import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from '@prisma/client'

import { connectionString, pg } from './via.mjs'

const pool = new pg.Pool({ connectionString, max: 3 })
// The SQL that `prisma db push` makes from prisma/schema.prisma. It is written here because the engine of that command
// is a download.
await pool.query(`create type "Mood" as enum ('glad', 'sad');
  create table "Author" (id serial primary key, name text not null unique, born date, seen timestamp(3), local timestamp(3), score int8,
    price numeric(65, 30), ratio float8, data jsonb, bytes bytea, tags text[], nums int[], mood "Mood", key uuid, at time(3));
  create table "Book" (id serial primary key, title text not null, "authorId" int not null references "Author")`)

const prisma = new PrismaClient({ adapter: new PrismaPg(pool) })
const ada = await prisma.author.create({
  data: {
    name: 'Ada',
    born: new Date('1815-12-10'),
    seen: new Date(1e12),
    local: new Date(1e12 + 1),
    score: 12n,
    price: '1.50',
    ratio: 0.1,
    data: { a: [1, { b: null }] },
    bytes: Buffer.from('bytes'),
    tags: ['a,b', 'c"d'],
    nums: [1, 2],
    mood: 'glad',
    key: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
    at: new Date('1970-01-01T01:02:03.004Z'),
    books: { create: [{ title: 'Notes' }, { title: 'Sketch' }] },
  },
  include: { books: true },
})
console.log({ ...ada, price: String(ada.price), bytes: Buffer.from(ada.bytes).toString() })
console.log(
  await prisma.author.findMany({
    where: { tags: { has: 'a,b' }, mood: 'glad' },
    select: { name: true, books: { select: { title: true }, orderBy: { id: 'asc' } } },
  }),
)
await prisma.author.create({ data: { name: 'Ada' } }).catch(({ code, meta }) => console.log(code, meta.modelName))
await prisma.book.create({ data: { title: 'x', authorId: 99 } }).catch(({ code }) => console.log(code))
await prisma.$queryRaw`select nosuch`.catch(({ code, meta }) => console.log(code, meta.driverAdapterError.cause.kind))
await prisma
  .$transaction(
    async (tx) => {
      await tx.author.create({ data: { name: 'Eve' } })
      throw new Error('undone')
    },
    { isolationLevel: 'Serializable' },
  )
  .catch(({ message }) => console.log(message))
await prisma
  .$transaction([prisma.author.create({ data: { name: 'Bob' } }), prisma.author.create({ data: { name: 'Bob' } })])
  .catch(({ code }) => console.log(code))
console.log(await prisma.author.count(), await prisma.book.updateMany({ data: { title: 'New' } }))
console.log(await prisma.$queryRaw`select ${1}::int as a, count(*) as n, now() > ${new Date(0)} as later from "Author"`)
console.log(await prisma.$executeRaw`delete from "Book" where title = ${'New'}`)
console.log(await Promise.all([1, 2, 3, 4, 5].map((n) => prisma.$queryRaw`select ${n}::int as n`)))
await prisma.$disconnect()
await pool.end()
