// Kysely without await: `node kysely-sync.ts [dsn]` (Node 22.18 and later; `npx tsx kysely-sync.ts` before). The builder's row types
// reach the result, so `tsc` finds a column that is not there.
import { type Generated, Kysely } from 'kysely'
import { connect } from 'syncpg'
import {
  SyncpgDialect,
  executeSync,
  executeTakeFirstOrThrowSync,
  executeTakeFirstSync,
  streamSync,
} from 'syncpg/kysely'

interface Database {
  account: { id: Generated<number>; owner: string; cents: number }
}

const con = connect(process.argv[2] ?? process.env['DATABASE_URL'], { autocommit: true })
const db = new Kysely<Database>({ dialect: new SyncpgDialect({ connection: con }) })

con.execute('create table account (id serial primary key, owner text not null, cents int not null check (cents >= 0))')
executeSync(
  con,
  db.insertInto('account').values([
    { owner: 'Ada', cents: 1000 },
    { owner: 'Eve', cents: 0 },
  ]),
)

function balance(owner: string): number {
  // { cents: number }: the types of the builder.
  const row = executeTakeFirstOrThrowSync(con, db.selectFrom('account').select('cents').where('owner', '=', owner))
  return row.cents
}

function pay(from: string, to: string, cents: number): void {
  // A transaction is the connection's own: what throws undoes all of it.
  con.transaction(() => {
    const add = (owner: string, by: number) =>
      db
        .updateTable('account')
        .set((column) => ({ cents: column('cents', '+', by) }))
        .where('owner', '=', owner)
    if (executeTakeFirstSync(con, add(to, cents))?.numUpdatedRows !== 1n) throw new RangeError(`no account of ${to}`)
    executeSync(con, add(from, -cents))
  })
}

pay('Ada', 'Eve', 300)
console.log(balance('Ada'), balance('Eve'))
try {
  pay('Ada', 'Eve', 5000)
} catch (error) {
  console.log((error as Error).message.split('\n')[0])
}
console.log(balance('Ada'), balance('Eve'))

con.transaction(() => {
  for (const { owner, cents } of streamSync(con, db.selectFrom('account').selectAll().orderBy('id'))) {
    console.log(owner.padEnd(4), (cents / 100).toFixed(2))
  }
})
con.close()
