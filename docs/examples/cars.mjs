// The main job, top to bottom: connect, make tables in a transaction, load data, ask questions, meet an error, leave.
// A plain script: nothing here is awaited, each call has its answer when it returns.
//
//   node docs/examples/cars.mjs                            PostgreSQL inside this process, nothing to install
//   node docs/examples/cars.mjs postgres://user@host/db    a server of yours; or set PGHOST, PGUSER, PGDATABASE …
//
// Everything happens in the schema `syncpg_example`, which is made at the start and dropped at the end.
import { readFileSync } from 'node:fs'
import * as db from 'syncpg'

const dsn = process.argv[2] ?? (usesEnvironment() ? '' : 'pglite:')
const con = db.connect(dsn)
console.log(`PostgreSQL ${con.info.serverVersion}, ${dsn === 'pglite:' ? 'inside this process' : 'on a server'}\n`)

// 1. A schema and three tables: all or nothing.
con.transaction(() => {
  con.execute('create schema syncpg_example')
  con.execute('set search_path to syncpg_example')
  con.execute(`
    create table car (
      id         int generated always as identity primary key,
      name       text not null,
      origin     text not null,
      year       date not null,
      cylinders  smallint not null,
      horsepower int,
      mpg        numeric(4, 1),
      weight     int not null check (weight > 0));
    create table airport (
      iata      text primary key,
      name      text not null,
      state     text,
      latitude  float8 not null,
      longitude float8 not null);
    create table flight (
      departure   timestamp not null,
      delay       int not null,
      distance    int not null,
      origin      text not null references airport,
      destination text not null references airport)`)
})

// 2. Load: a few hundred rows by executemany, thousands by COPY. Both take any iterable, generators too.
const cars = JSON.parse(data('cars.json'))
time('cars by executemany', () => {
  const cursor = con.executemany(
    `insert into car (name, origin, year, cylinders, horsepower, mpg, weight)
     values (%(Name)s, %(Origin)s, %(Year)s, %(Cylinders)s, %(Horsepower)s, %(Miles_per_Gallon)s, %(Weight_in_lbs)s)`,
    cars,
  )
  return cursor.rowcount
})
time('airports by COPY', () =>
  con.copyRecordsToTable('airport', {
    columns: ['iata', 'name', 'state', 'latitude', 'longitude'],
    records: airports(data('airports.csv')),
  }),
)
time('flights by COPY', () =>
  con.copyRecordsToTable('flight', {
    columns: ['departure', 'delay', 'distance', 'origin', 'destination'],
    records: flights(JSON.parse(data('flights-20k.json'))),
  }),
)
con.commit()

// 3. Ask. Parameters are %s with an array, %(name)s with an object, or $1; never text pasted into SQL.
heading('Miles per gallon by origin, cars since 1975')
const byOrigin = con.execute(
  `select origin, count(*) as cars, round(avg(mpg), 1) as mpg, max(horsepower) as strongest
   from car where year >= %s and mpg is not null group by origin order by mpg desc`,
  [db.Date(1975, 1, 1)],
)
for (const { origin, cars, mpg, strongest } of byOrigin) {
  console.log(`${origin.padEnd(8)} ${String(cars).padStart(4)} cars ${mpg.padStart(6)} mpg, ${strongest} hp at most`)
}

heading('Strong for their weight')
const light = con.execute(
  `select name, horsepower, weight from car
   where horsepower >= %(power)s and weight <= %(weight)s order by horsepower::float / weight desc limit 5`,
  { power: 100, weight: 3000 },
)
for (const [name, horsepower, weight] of light) console.log(`${name.padEnd(28)} ${horsepower} hp, ${weight} lbs`)

heading('Latest departures on average')
const latest = con.execute(
  `select airport.name, airport.state, count(*)::int as flights, round(avg(delay), 1) as delay
   from flight join airport on iata = flight.origin
   where state = any($1) group by 1, 2 having count(*) >= $2 order by avg(delay) desc limit 5`,
  [['CA', 'TX', 'NY', 'IL'], 100],
)
console.table(latest.fetchall())

heading('What the server says of a result')
const columns = con.execute('select departure, delay, distance / 1.609344 as km from flight limit 0').description
for (const column of columns) {
  const kind = column.is(db.NUMBER) ? 'a number' : column.is(db.DATETIME) ? 'a date or time' : 'something else'
  console.log(`${column.name.padEnd(10)} ${column.typeName.padEnd(10)} ${kind}`)
}

// 4. An error has a class, the server's fields, and leaves a transaction that can be repaired: here to a savepoint.
heading('An airport that exists')
try {
  con.transaction(() =>
    con.execute('insert into airport values (%s, %s, %s, %s, %s)', ['JFK', 'Idlewild', 'NY', 40.6, -73.8]),
  )
} catch (error) {
  if (!(error instanceof db.UniqueViolationError)) throw error
  console.log(`${error.name}: ${error.message}\nconstraint ${error.constraintName} of table ${error.tableName}`)
}
console.log(`and JFK is still ${con.fetchval('select name from airport where iata = %s', ['JFK'])}`)

// 5. Leave nothing behind. The process ends by itself; close() only says goodbye earlier.
con.execute('drop schema syncpg_example cascade')
con.commit()
con.close()

function usesEnvironment() {
  return ['PGHOST', 'PGHOSTADDR', 'PGSERVICE', 'PGDATABASE', 'PGUSER', 'PGPORT'].some((name) => process.env[name])
}

/** A file of the data set that comes with the development dependencies. */
function data(name) {
  return readFileSync(new URL(`../../node_modules/vega-datasets/data/${name}`, import.meta.url), 'utf8')
}

/** Fields may be quoted and hold commas. */
function* airports(csv) {
  for (const line of csv.trim().split('\n').slice(1)) {
    const [iata, name, , state, , latitude, longitude] = [...line.matchAll(/("[^"]*"|[^,]*)(?:,|\r?$)/g)].map((field) =>
      field[1].replaceAll('"', ''),
    )
    yield [iata, name, state === 'NA' ? null : state, Number(latitude), Number(longitude)]
  }
}

/** `2001/01/01 00:47` is a time on a wall, not an instant: Timestamp() gives a Date with these fields in UTC. */
function* flights(rows) {
  for (const { date, delay, distance, origin, destination } of rows) {
    yield [db.Timestamp(...date.split(/[/ :]/).map(Number)), delay, distance, origin, destination]
  }
}

function time(what, load) {
  const startedAt = performance.now()
  const rows = load()
  console.log(`${String(rows).padStart(6)} ${what} in ${Math.round(performance.now() - startedAt)} ms`)
}

function heading(text) {
  console.log(`\n${text}\n${'-'.repeat(text.length)}`)
}
