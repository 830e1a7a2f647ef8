// A REPL with a connection in it: `node repl.mjs [dsn]`. Ctrl-C ends the statement that runs, and the session lives on.
import { start } from 'node:repl'

import * as db from 'syncpg'

const con = db.connect(process.argv[2], { autocommit: true })
const repl = start({ prompt: 'db> ', breakEvalOnSigint: true })
Object.assign(repl.context, {
  db,
  con,
  /** Runs a statement and prints its rows as a table. */
  show(sql, parameters) {
    const cur = con.execute(sql, parameters)
    if (cur.description === null) console.log(cur.statusmessage)
    else console.table(cur.fetchobjects())
  },
})
repl.on('exit', () => con.close())
