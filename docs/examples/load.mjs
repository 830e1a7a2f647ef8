// A bulk loader: `node load.mjs in.csv out.csv [dsn]`. Reads a CSV line by line, loads it as typed records, and writes
// what the database makes of it; neither file nor table is ever in memory as a whole.
import { closeSync, openSync, readSync, writeSync } from 'node:fs'

import * as db from 'syncpg'

const [, , input, output, dsn] = process.argv

/** The lines of a file, a piece at a time. */
function* lines(path) {
  const file = openSync(path, 'r')
  const buffer = Buffer.alloc(64 * 1024)
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for (let length = readSync(file, buffer); length > 0; length = readSync(file, buffer)) {
      const pieces = (rest + decoder.decode(buffer.subarray(0, length), { stream: true })).split('\n')
      rest = pieces.pop()
      yield* pieces
    }
    if (rest !== '') yield rest
  } finally {
    closeSync(file)
  }
}

function* records(path) {
  for (const line of lines(path)) {
    const [sensor, at, value] = line.split(',')
    if (sensor !== 'sensor') yield [Number(sensor), new Date(at), Number(value)]
  }
}

const con = db.connect(dsn)
try {
  con.execute('create temporary table measure (sensor int, at timestamptz, v float8)')
  const loaded = con.copyRecordsToTable('measure', { columns: ['sensor', 'at', 'v'], records: records(input) })
  console.log(`${loaded} records loaded`)

  const file = openSync(output, 'w')
  const cur = con.cursor()
  cur.copy(
    'copy (select sensor, count(*), avg(v) from measure group by sensor order by sensor) to stdout (format csv, header)',
    (copy) => {
      for (const chunk of copy) writeSync(file, chunk)
    },
  )
  closeSync(file)
  console.log(`${cur.rowcount} rows written`)
  con.commit()
} finally {
  con.close()
}
