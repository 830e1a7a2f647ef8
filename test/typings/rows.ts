/** Types of rows: every line that must not compile says so, and the rest must. Checked by `npm run typecheck`. */
import type { Row } from 'syncpg'
import * as db from 'syncpg'
import type { Connection } from 'syncpg/async'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<A, B>(..._equal: Equal<A, B> extends true ? [] : ['these types differ', A, B]): void {}

class Person extends db.Record {
  declare readonly name: string
  greet(): string {
    return `hello ${this.name}`
  }
}

export async function asynchronous(con: Connection): Promise<void> {
  const [row] = await con.fetch('select 1')
  same<typeof row, Row | undefined>()
  same<NonNullable<typeof row>['x'], unknown>()

  const people = await con.fetch<{ id: bigint; name: string }>('select id, name from person')
  for (const person of people) {
    same<typeof person.id, bigint>()
    same<typeof person.name, string>()
    const { id, name } = person
    same<[typeof id, typeof name], [bigint, string]>()
    const values: (bigint | string)[] = [...person]
    const object = person.toObject()
    same<typeof object, { [column: string]: bigint | string }>()
    void values
    // @ts-expect-error there is no such column
    void person.nome
    // @ts-expect-error rows are read only
    person.id = 5n
  }

  for (const row of await con.fetch<[bigint, string]>('select id, name from person')) {
    const [id, name] = row
    same<[typeof id, typeof name], [bigint, string]>()
    same<(typeof row)[0], bigint>()
    same<typeof row.length, 2>()
    void row.toArray().map((value) => value)
  }

  const shadowing = await con.fetchrow<{ length: string; get: number }>('select 1 as length, 2 as get')
  if (shadowing !== null) same<[typeof shadowing.length, typeof shadowing.get], [string, number]>()

  const arrays = await con.fetch<[bigint, string]>('select 1', [], { rowFactory: 'array' })
  same<typeof arrays, [bigint, string][]>()
  const objects = await con.fetch<{ id: bigint }>('select 1', [], { rowFactory: 'object' })
  same<typeof objects, { id: bigint }[]>()
  const made = await con.fetch('select 1', [], { rowFactory: (columns) => (values) => columns.length + values.length })
  same<typeof made, number[]>()
  const classed = await con.fetch<Person>('select 1', [], { recordClass: Person })
  same<typeof classed, Person[]>()

  const result = await con.query<{ id: bigint }>('select 1::int8 as id')
  same<(typeof result.rows)[number]['id'], bigint>()
  same<
    [typeof result.tag, typeof result.rowCount, (typeof result.columns)[number]['name']],
    [string, number | null, string]
  >()
  const plain = await con.query<{ id: bigint }>({ text: 'select 1' }, [], { rowFactory: 'object', types: 'text' })
  same<typeof plain.rows, { id: bigint }[]>()
  // @ts-expect-error there is no such meaning
  void con.query('select 1', [], { values: 'json' })

  const value = await con.fetchval<bigint>('select 1::int8')
  same<typeof value, bigint | null>()
  for await (const row of con.cursor<{ n: number }>('select 1 as n')) same<typeof row.n, number>()

  // @ts-expect-error a word that is none
  await con.fetch('select 1', [], { rowFactory: 'map' })
  // @ts-expect-error not a subclass of Record
  await con.fetch('select 1', [], { recordClass: Map })
}

export function options(con: db.Connection): void {
  db.connect('', { types: { int8: 'number', date: 'temporal', point: 'string', numeric: (text) => Number(text) } })
  // @ts-expect-error a form that is none
  db.connect('', { types: { int8: 'numbr' } })
  // @ts-expect-error a form that numeric does not have
  con.fetch('select 1', null, { types: { numeric: 'number' } })
  // @ts-expect-error a form that is none, of a type that is not listed
  con.fetch('select 1', null, { types: { point: 'numbr' } })

  same<number, ReturnType<typeof returned>>()
  function returned(): number {
    return con.transaction(() => con.transaction({ retries: 1 }, () => 1))
  }
  con.transaction((): never => {
    throw new Error('undone')
  })
  con.transaction(() => JSON.parse('1'))
  // @ts-expect-error what an async function does comes too late
  con.transaction(async () => {
    con.execute('select 1')
  })
  // @ts-expect-error the same with options
  con.transaction({ retries: 2 }, () => Promise.resolve(1))
  const value = con.fetchval('select count(*) from t')
  same<typeof value, unknown>()
}

export function blocking(con: db.Connection): void {
  const row = con.execute('select 1').fetchone()
  same<typeof row, Row | null>()
  const person = con.execute<{ id: bigint; name: string }>('select id, name from person').fetchone()
  if (person !== null) same<[typeof person.id, typeof person.name], [bigint, string]>()
  for (const [id, name] of con.execute<[bigint, string]>('select id, name from person')) {
    same<[typeof id, typeof name], [bigint, string]>()
  }
  const cur = con.cursor<{ city: string; n: bigint }>()
  cur.execute('select city, count(*) as n from customer group by city')
  for (const { city, n } of cur) same<[typeof city, typeof n], [string, bigint]>()
  const again = cur.execute('select city, count(*) as n from customer group by city').fetchall()
  same<(typeof again)[number]['n'], bigint>()
  const other = cur.execute<{ id: number }>('select 1 as id').fetchone()
  if (other !== null) same<typeof other.id, number>()

  const made = con.fetch('select 1', [], { rowFactory: () => (values) => values.length })
  same<typeof made, number[]>()
  const arrays = con.execute<[number]>('select 1', null, { rowFactory: 'array' }).fetchall()
  same<typeof arrays, [number][]>()
  const classed = con.fetch<Person>('select 1', null, { recordClass: Person })
  same<typeof classed, Person[]>()
  for (const row of cur.stream<{ n: number }>('select 1 as n')) same<typeof row.n, number>()
}
