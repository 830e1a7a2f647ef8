// A script: connect by the environment or a connection string, count, write, commit. `node script.mjs [dsn]`
import * as db from 'syncpg'

const con = db.connect(process.argv[2])
try {
  con.execute(`
    create temporary table customer (city text, joined date);
    create temporary table report (name text primary key, refreshed timestamptz);
    insert into report values ('cities', null)`)
  con.executemany('insert into customer values (%s, %s)', [
    ['Oslo', db.Date(2024, 3, 1)],
    ['Lima', db.Date(2024, 5, 17)],
    ['Oslo', db.Date(2025, 1, 2)],
    ['Rome', db.Date(2019, 8, 9)],
  ])

  const cur = con.cursor()
  cur.execute('select city, count(*) as n from customer where joined >= %s group by city order by 2 desc', [
    db.Date(2024, 1, 1),
  ])
  for (const { city, n } of cur) console.log(city.padEnd(20), n)

  con.execute('update report set refreshed = now() where name = %(name)s', { name: 'cities' })
  con.commit()
} finally {
  con.close()
}
