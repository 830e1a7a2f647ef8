// MikroORM 7: entities, relations, types, a unit of work, an error, nested transactions, its schema tool and a stream.
import { EntitySchema } from '@mikro-orm/core'
import { MikroORM, UniqueConstraintViolationException } from '@mikro-orm/postgresql'

import { connectionString, isOurs, kyselyDialect } from './via.mjs'

// MikroORM parses these types from text.
const types = {
  date: 'string',
  timestamp: 'string',
  timestamptz: 'string',
  interval: 'string',
  int8: 'string',
  numeric: 'string',
}
const Author = new EntitySchema({
  name: 'Author',
  properties: {
    id: { primary: true, type: 'integer' },
    name: { type: 'string', unique: true },
    born: { type: 'date', nullable: true },
    seen: { type: 'Date', nullable: true },
    score: { type: 'bigint', nullable: true },
    price: { type: 'decimal', precision: 10, scale: 2, nullable: true },
    tags: { type: 'string[]', nullable: true },
    numbers: { type: 'integer[]', columnType: 'int[]', nullable: true },
    data: { type: 'json', nullable: true },
    bytes: { type: 'blob', nullable: true },
    isOn: { type: 'boolean', default: true },
    books: { kind: '1:m', entity: () => 'Book', mappedBy: 'author' },
  },
})
const Book = new EntitySchema({
  name: 'Book',
  properties: {
    id: { primary: true, type: 'integer' },
    title: { type: 'string' },
    author: { kind: 'm:1', entity: () => 'Author' },
  },
})

const orm = await MikroORM.init({
  entities: [Author, Book],
  ...(isOurs ? { driverOptions: await kyselyDialect(types), dbName: 'tools' } : { clientUrl: connectionString }),
  timezone: 'Z',
})
const schema = orm.schema ?? orm.getSchemaGenerator()
await schema.create()
console.log(await schema.getUpdateSchemaSQL({ wrap: false }))

const em = orm.em.fork()
const ada = em.create('Author', {
  name: 'Ada',
  born: '1815-12-10',
  seen: new Date(1e12),
  score: 12n,
  price: '12.50',
  tags: ['a,b', 'c"d'],
  numbers: [1, 2],
  data: { a: [1, { b: null }] },
  bytes: Buffer.from('bytes'),
})
em.create('Book', { title: 'Notes', author: ada })
em.create('Book', { title: 'Sketch', author: ada })
await em.flush()

const fresh = orm.em.fork()
const found = await fresh.findOneOrFail(
  'Author',
  { name: 'Ada' },
  { populate: ['books'], orderBy: { books: { id: 1 } } },
)
console.log(JSON.stringify(found, (_, value) => (typeof value === 'bigint' ? `${value}n` : value)))
console.log(found.seen instanceof Date, typeof found.score, typeof found.price, Array.isArray(found.tags))
found.name = 'Eve'
await fresh.flush()
console.log(await orm.em.fork().count('Author', { name: 'Eve' }))

const failing = orm.em.fork()
failing.create('Author', { name: 'Eve' })
await failing.flush().catch((error) => {
  console.log(error instanceof UniqueConstraintViolationException, error.message.split('\n')[0])
})

await orm.em.fork().transactional(async (outer) => {
  outer.create('Author', { name: 'outer' })
  await outer.flush()
  await outer
    .transactional(async (inner) => {
      inner.create('Author', { name: 'inner' })
      await inner.flush()
      throw new Error('undone')
    })
    .catch((error) => console.log(error.message))
})
const qb = orm.em
  .fork()
  .qb('Author', 'a')
  .select(['a.name', 'a.tags'])
  .where({ numbers: { $contains: [1] } })
console.log(await qb.execute())
console.log(
  await orm.em.fork().getConnection().execute('select count(*) as n, now() > ? as later from author', ['2020-01-01']),
)
console.log((await orm.em.fork().find('Author', {}, { orderBy: { id: 'asc' } })).map(({ name }) => name))
await orm.em.fork().nativeUpdate('Author', { name: 'outer' }, { isOn: false })
console.log(await orm.em.fork().nativeDelete('Author', { isOn: false }))
for await (const { title } of orm.em.fork().stream('Book', { orderBy: { id: 'asc' } })) console.log(title)
await orm.close()
