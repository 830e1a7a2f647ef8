// Sequelize 6 with our module as its `dialectModule`: models, types, relations, an error, transactions, raw SQL.
import { DataTypes, Op, Sequelize, UniqueConstraintError } from 'sequelize'

import { connectionString, pg } from './via.mjs'

const db = new Sequelize(connectionString, { dialect: 'postgres', dialectModule: pg, logging: false, pool: { max: 3 } })
const Author = db.define('author', {
  name: { type: DataTypes.TEXT, unique: true },
  born: DataTypes.DATEONLY,
  seen: DataTypes.DATE,
  score: DataTypes.BIGINT,
  price: DataTypes.DECIMAL(10, 2),
  tags: DataTypes.ARRAY(DataTypes.TEXT),
  data: DataTypes.JSONB,
  bytes: DataTypes.BLOB,
  mood: DataTypes.ENUM('glad', 'sad'),
  span: DataTypes.RANGE(DataTypes.INTEGER),
})
const Book = db.define('book', { title: DataTypes.TEXT })
Author.hasMany(Book)
Book.belongsTo(Author)
await db.sync()
const ada = await Author.create({
  name: 'Ada',
  born: '1815-12-10',
  seen: new Date(1e12),
  score: '12',
  price: '1.5',
  tags: ['a,b', 'c"d'],
  data: { a: [1] },
  bytes: Buffer.from('bytes'),
  mood: 'glad',
  span: [1, 5],
})
await Book.bulkCreate(['Notes', 'Sketch'].map((title) => ({ title, authorId: ada.id })))
const found = await Author.findOne({
  where: { tags: { [Op.contains]: ['a,b'] } },
  include: Book,
  order: [[Book, 'id']],
})
const { createdAt, updatedAt, books, ...rest } = found.toJSON()
console.log(
  rest,
  createdAt instanceof Date,
  updatedAt instanceof Date,
  books.map(({ title }) => title),
)
await Author.create({ name: 'Ada' }).catch((error) => {
  console.log(error instanceof UniqueConstraintError, error.fields, error.parent.code)
})
await db
  .transaction(async (transaction) => {
    await Author.create({ name: 'Eve' }, { transaction })
    throw new Error('undone')
  })
  .catch((error) => console.log(error.message))
console.log(await Author.count(), await Author.update({ mood: 'sad' }, { where: { name: 'Ada' } }))
console.log(await db.query('select $1::int as a, :b as b'.replace(':b', "'x'"), { bind: [1], type: 'SELECT' }))
console.log(await Author.destroy({ where: { mood: 'sad' } }))
await db.close()
