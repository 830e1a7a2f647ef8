import * as db from 'syncpg'

const con = db.connect('pglite:')
console.log(con.fetchval("select 'all claims hold'"))
