/** What the playground offers to change and run: the first hour, with the calls of the async API. */
export const EXAMPLES = [
  {
    title: 'Create, insert, ask',
    code: `await con.execute('drop table if exists planet')
await con.execute(\`create table planet (
  id int generated always as identity primary key,
  name text unique, moons int, seen date)\`)

const insert = 'insert into planet (name, moons, seen) values ($1, $2, $3)'
await con.execute(insert, ['Mars', 2, '1610-09-01'])
await con.executemany(insert, [['Earth', 1, null], ['Venus', null, null]])

console.log(await con.fetch('select * from planet order by name'))

const mars = await con.fetchrow('select * from planet where name = $1', ['Mars'])
const [id, name] = mars
console.log(id, name, mars.moons)`,
  },
  {
    title: 'What comes back',
    code: `const row = await con.fetchrow(\`select 1::int4, 2::int8, 1.50::numeric,
  '2024-02-29'::date as day, timestamptz '2024-02-29 12:00Z' as at,
  '{"a": [1]}'::jsonb as doc, array[1, null, 3] as list, '\\\\x00ff'::bytea as bytes\`)
for (const value of row) console.log(value)`,
  },
  {
    title: 'Transactions',
    code: `await con.execute(\`drop table if exists account;
  create table account (name text primary key, amount int check (amount >= 0));
  insert into account values ('Ann', 50), ('Bob', 0)\`)

try {
  await con.transaction(async () => {
    const add = 'update account set amount = amount + $1 where name = $2'
    await con.execute(add, [100, 'Bob'])
    await con.execute(add, [-100, 'Ann'])
  })
} catch (error) {
  console.log(error.name, 'on', error.constraintName)
}
console.log(await con.fetch('select * from account order by name'))`,
  },
  {
    title: 'Errors',
    code: `await con.fetch('select name, from planet')`,
  },
  {
    title: 'Many rows',
    code: `await con.execute('drop table if exists reading')
await con.execute('create table reading (at timestamptz, value float8)')
function* readings() {
  for (let i = 0; i < 10_000; i++) yield [new Date(i * 60_000), Math.sin(i / 100)]
}
console.log(await con.copyRecordsToTable('reading', { records: readings() }))
console.log(await con.fetch(\`select at::date as day, avg(value), count(*)
  from reading group by 1 order by 1\`))`,
  },
  {
    title: 'Rows in pieces',
    code: `await con.transaction(async () => {
  const sql = 'select n from generate_series(1, 1000000) n'
  for await (const { n } of con.cursor(sql, [], { prefetch: 100 })) {
    if (n > 5) break
    console.log(n)
  }
})`,
  },
  {
    title: 'LISTEN and NOTIFY',
    code: `await con.addListener('job', (con, pid, channel, payload) => {
  console.log(channel, payload)
})
await con.execute("notify job, 'first'")
await con.execute("notify job, 'second'")`,
  },
]
