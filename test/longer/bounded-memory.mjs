// Ten million rows by stream() and by a named cursor, five million by COPY each way, in bounded memory:
// `node test/longer/bounded-memory.mjs <dsn> [rows]`. Not part of `npm test`: it takes minutes.
import * as db from 'syncpg'

const [, , dsn, count = '10000000'] = process.argv
const rows = Number(count)
const limitBytes = 64 * 2 ** 20
const con = db.connect(dsn)
let failed = false

/** Runs a function and measures heap and external memory at intervals of calls of `tick`. */
function measure(name, run) {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  const startBytes = heapUsed + external
  const startedMs = performance.now()
  let peakBytes = 0
  let ticks = 0
  const tick = () => {
    if ((ticks += 1) % 50_000 !== 0) return
    const now = process.memoryUsage()
    peakBytes = Math.max(peakBytes, now.heapUsed + now.external - startBytes)
  }
  const done = run(tick)
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  const isGood = peakBytes < limitBytes && done === true
  failed ||= !isGood
  const extra = (peakBytes / 2 ** 20).toFixed(1)
  process.stdout.write(`${isGood ? 'ok  ' : 'FAIL'} ${name}: ${seconds} s, at most ${extra} MiB more\n`)
}

const SERIES = "select i, i::int8 * 2 as twice, 'row ' || i as text from generate_series(1, %s) i"
const sumUpTo = (n) => (BigInt(n) * BigInt(n + 1)) / 2n

measure(`stream of ${rows} rows`, (tick) => {
  let sum = 0n
  for (const row of con.cursor().stream(SERIES, [rows])) {
    sum += row.twice
    tick()
  }
  return sum === 2n * sumUpTo(rows)
})

measure(`named cursor over ${rows} rows`, (tick) => {
  let sum = 0n
  const cursor = con.cursor('big', { itersize: 2000 })
  for (const row of cursor.execute(SERIES, [rows])) {
    sum += row.twice
    tick()
  }
  cursor.close()
  return sum === 2n * sumUpTo(rows)
})

const half = Math.floor(rows / 2)
con.execute('create temporary table loaded (i int, twice int8, text text)')
measure(`COPY of ${half} records in`, (tick) => {
  const records = (function* () {
    for (let i = 1; i <= half; i++) {
      tick()
      yield [i, BigInt(i) * 2n, `row ${i}`]
    }
  })()
  return con.copyRecordsToTable('loaded', { records }) === half
})

measure(`COPY of ${half} rows out, binary`, (tick) => {
  let sum = 0n
  con.cursor().copy('copy loaded to stdout (format binary)', (copy) => {
    for (const row of copy.rows()) {
      sum += row.twice
      tick()
    }
  })
  return sum === 2n * sumUpTo(half)
})

measure(`COPY of ${half} rows out as text, in chunks`, (tick) => {
  let lines = 0
  con.copyFromTable('loaded', {
    output: (chunk) => {
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) {
        lines += 1
        tick()
      }
    },
  })
  return lines === half
})

con.close()
process.exitCode = failed ? 1 : 0
