import * as db from 'syncpg'

import { claims } from './claims.mjs'

interface Line {
  readonly id: number
}
const con: db.Connection = db.connect(process.env['DSN']!)
const line: Line = con.execute<Line>('select 42 as id').fetchone()!
con.close()
if (line.id === 42) console.log((claims as (module: typeof db) => string)(db))
