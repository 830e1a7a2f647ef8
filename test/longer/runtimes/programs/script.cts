import db = require('syncpg')
import helper = require('./claims.mjs')

const con: db.Connection = db.connect(process.env['DSN']!)
const [answer]: readonly unknown[] = [...con.fetchrow('select 42')!]
con.close()
if (answer === 42) console.log((helper.claims as (module: typeof db) => string)(db))
