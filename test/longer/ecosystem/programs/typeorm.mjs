// TypeORM with our module as its `driver`: schema, types, relations, an error, transactions, raw SQL.
import 'reflect-metadata'
import { DataSource, EntitySchema } from 'typeorm'

import { connectionString, isOurs, pg } from './via.mjs'

const Author = new EntitySchema({
  name: 'author',
  columns: {
    id: { type: Number, primary: true, generated: true },
    name: { type: 'text', unique: true },
    born: { type: 'date', nullable: true },
    seen: { type: 'timestamptz', nullable: true },
    local: { type: 'timestamp', nullable: true },
    score: { type: 'bigint', nullable: true },
    price: { type: 'numeric', nullable: true },
    tags: { type: 'text', array: true, nullable: true },
    data: { type: 'jsonb', nullable: true },
    bytes: { type: 'bytea', nullable: true },
    at: { type: 'point', nullable: true },
    wait: { type: 'interval', nullable: true },
  },
  relations: { books: { type: 'one-to-many', target: 'book', inverseSide: 'author' } },
})
const Book = new EntitySchema({
  name: 'book',
  columns: { id: { type: Number, primary: true, generated: 'increment' }, title: { type: 'text' } },
  relations: { author: { type: 'many-to-one', target: 'author', joinColumn: true, inverseSide: 'books' } },
})

const source = new DataSource({
  type: 'postgres',
  url: connectionString,
  entities: [Author, Book],
  synchronize: true,
  poolSize: 3,
  ...(isOurs ? { driver: pg } : {}),
})
await source.initialize()
const authors = source.getRepository('author')
const books = source.getRepository('book')
const ada = await authors.save({
  name: 'Ada',
  born: '1815-12-10',
  seen: new Date(1e12),
  local: new Date(1e12),
  score: '12',
  price: '1.50',
  tags: ['a,b', 'c"d'],
  data: { a: [1] },
  bytes: Buffer.from('bytes'),
  at: { x: 1, y: 2 },
  wait: '1 day 02:00:00',
})
await books.save([
  { title: 'Notes', author: ada },
  { title: 'Sketch', author: ada },
])
console.log(await authors.find({ relations: { books: true }, order: { books: { id: 'ASC' } } }))
await authors.save({ name: 'Ada' }).catch((error) => console.log(error.name, error.code, error.driverError.constraint))
await source
  .transaction(async (manager) => {
    await manager.getRepository('author').save({ name: 'Eve' })
    await manager.transaction(async (inner) => {
      await inner.getRepository('author').delete({ name: 'Eve' })
    })
    throw new Error('undone')
  })
  .catch((error) => console.log(error.message))
console.log(await authors.count())
console.log(await source.query('select $1::int as a, count(*) from author', [1]))
console.log(await authors.update({ name: 'Ada' }, { score: '13' }))
console.log(
  await authors
    .createQueryBuilder('a')
    .select('a.score', 'score')
    .where('a.tags @> :tags', { tags: ['a,b'] })
    .getRawMany(),
)
console.log(await Promise.all([1, 2, 3, 4, 5].map((n) => source.query('select $1::int as n', [n]))))
await source.destroy()
