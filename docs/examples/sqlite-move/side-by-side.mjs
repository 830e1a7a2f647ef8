// Runs a program's queries in both databases and says where they answer otherwise:
//   node side-by-side.mjs app.db postgres://localhost/app queries.sql
// Queries end with a semicolon at the end of a line, and take no parameters. Needs a Node that has node:sqlite.
import { readFileSync } from 'node:fs'
import { DatabaseSync as Sqlite } from 'node:sqlite'

import { DatabaseSync } from 'syncpg/sqlite-shape'

const [file, dsn, queries] = process.argv.slice(2)
const before = new Sqlite(file, { readOnly: true })
const after = new DatabaseSync(dsn, { readOnly: true, names: 'as-written' })

function answerOf(db, sql) {
  try {
    return JSON.stringify(db.prepare(sql).all())
  } catch (error) {
    return `error: ${error.message}`
  }
}

let count = 0
let differences = 0
for (const text of readFileSync(queries, 'utf8').split(/;[ \t]*$/m)) {
  const sql = text.trim()
  if (sql === '') continue
  count++
  const [was, is] = [answerOf(before, sql), answerOf(after, sql)]
  if (was === is) continue
  differences++
  console.log(`${sql}\n  SQLite:     ${was}\n  PostgreSQL: ${is.replaceAll('\n', '\n              ')}\n`)
}
console.log(`${differences} of ${count} answers differ.`)
process.exitCode = differences === 0 ? 0 : 1
before.close()
after.close()
