import * as db from 'syncpg'

import { claims } from './claims.mjs'

test('all claims hold', () => void claims(db))

test('rows equal literals', () => {
  const con = db.connect(process.env.DSN)
  expect(con.fetchrow("select 1 as id, 'a' as name")).toEqual({ id: 1, name: 'a' })
  expect(() => con.execute('select nonsense')).toThrow(db.UndefinedColumnError)
  con.close()
})
