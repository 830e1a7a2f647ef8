// pg-promise, which imports `pg` and its inner files, so the package of docs/guides/pg.md stands in its place.
import pgPromise from 'pg-promise'

import { connectionString } from './via.mjs'

const pgp = pgPromise()
const db = pgp(connectionString)
await db.none('create table item (id serial primary key, name text unique, data jsonb, tags text[], n int8)')
const columns = new pgp.helpers.ColumnSet(['name', 'data:json', 'tags', 'n'], { table: 'item' })
const items = [
  { name: 'a', data: { x: 1 }, tags: ['p,q'], n: 1n },
  { name: 'b', data: [2], tags: [], n: 2n },
]
await db.none(pgp.helpers.insert(items, columns))
console.log(await db.any('select * from item where name = any($1) order by id', [['a', 'b']]))
console.log(await db.one('select count(*) from item', [], ({ count }) => Number(count)))
await db.one('select 1 where false').catch((error) => console.log(error.name, error.code))
await db.none('insert into item (name) values ($/name/)', { name: 'a' }).catch((error) => console.log(error.code))
await db
  .tx(async (t) => {
    await t.none("insert into item (name) values ('c')")
    await t.tx(async (inner) => inner.none("insert into item (name) values ('d')"))
    throw new Error('undone')
  })
  .catch((error) => console.log(error.message))
console.log(await db.multi('select 1 as a; select 2 as b'))
console.log(
  await db.task((t) =>
    t.batch([
      t.one('select 1 as a'),
      t.one(new pgp.PreparedStatement({ name: 'p', text: 'select $1::int as b', values: [2] })),
    ]),
  ),
)
console.log((await db.result('delete from item')).rowCount)
pgp.end()
