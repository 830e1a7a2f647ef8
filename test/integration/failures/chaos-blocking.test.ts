/**
 * The blocking face over a network that fails at random moments. The program runs in a process of its own, because it
 * blocks; the proxies are here, one for each of its connections. It prints a line before each call, and another with
 * the outcome.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { beforeAll, expect, onTestFinished, test } from 'vitest'

import { type FaultProxy, startProxy } from '../../support/proxy.ts'
import { runScript } from '../../support/run-script.ts'
import { askServer, sharedServer } from '../../support/shared-server.ts'
import { Chance, demand, type Fault, isHarmless, someFault, someSslmode, strike, walk } from './chaos-support.ts'

const { runs, seed } = walk(15)
/**
 * One run in this many has a black hole. It takes several seconds, because a session is given up only after that
 * silence.
 */
const BLACK_HOLE_EVERY = 80
const ROWS = 200
/** The longest wait of the driver is five seconds of silence after a cancel request; a machine may be busy. */
const LIMIT_MS = 30_000
/** The limit of the second call. A black hole may begin only then, and the silence after the cancel request comes on top. */
const SECOND_LIMIT_MS = 10_000

const REQUESTS = ['select', 'executemany', 'records', 'transaction', 'stream'] as const

/** The outcome of a run: `ok`, `failed` with an error of the tree, or a text that says which claim is broken. */
interface Outcome {
  readonly mark: number
  readonly said: string
  readonly isUsable: boolean
  readonly isClosed: boolean
  readonly ms: number
}

const PROGRAM = `
import { readFileSync } from 'node:fs'
import * as db from 'syncpg'
const ROWS = ${ROWS}
const records = (mark) => Array.from({ length: ROWS }, (_, n) => [mark, n])
const demand = (isTrue, what) => { if (!isTrue) throw new RangeError(what) }
const requests = {
  select(con, mark) {
    const rows = con.fetch('select n, %s::int from generate_series(1, %s) n', [mark, ROWS])
    demand(rows.length === ROWS && rows.every((row, index) => row[0] === index + 1 && row[1] === mark), 'wrong rows')
    con.commit()
  },
  stream(con, mark) {
    let next = 1
    for (const row of con.execute('select n, %s::int from generate_series(1, %s) n', [mark, ROWS])) {
      demand(row[0] === next++ && row[1] === mark, 'wrong row')
    }
    demand(next === ROWS + 1, 'rows are missing')
    con.commit()
  },
  executemany(con, mark) {
    con.executemany('insert into chaos_blocking values (%s, %s)', records(mark))
    con.commit()
  },
  records(con, mark) {
    demand(con.copyRecordsToTable('chaos_blocking', { records: records(mark) }) === ROWS, 'wrong count')
    con.commit()
  },
  transaction(con, mark) {
    con.transaction(() => {
      const all = records(mark)
      for (const record of all.splice(0, 5)) con.execute('insert into chaos_blocking values (%s, %s)', record)
      con.executemany('insert into chaos_blocking values (%s, %s)', all)
    })
  },
}
function attempt(work) {
  try {
    work()
    return 'ok'
  } catch (error) {
    if (error instanceof db.OperationalError || error instanceof db.InterfaceError) return 'failed'
    return String(error?.stack ?? error)
  }
}
for (const { mark, dsn, request, commandTimeout } of JSON.parse(readFileSync(process.env.PLAN, 'utf8'))) {
  const con = db.connect(dsn, { commandTimeout })
  console.log('READY ' + mark)
  const startedMs = Date.now()
  const said = attempt(() => requests[request](con, mark))
  // The faults may change between the two calls. After the last one the connection is closed, or it answers.
  const next = attempt(() => { con.rollback(); demand(con.fetchval('select %s::int', [mark], 0, { timeout: ${SECOND_LIMIT_MS} }) === mark, 'wrong answer') })
  console.log('OUTCOME ' + JSON.stringify({
    mark, said: next === 'ok' || next === 'failed' ? said : next, isUsable: next === 'ok', isClosed: con.closed,
    ms: Date.now() - startedMs,
  }))
  if (!con.closed) con.close()
}
`

interface Run {
  readonly mark: number
  readonly fault: Fault
  readonly request: (typeof REQUESTS)[number]
  readonly sslmode: 'disable' | 'require'
  readonly proxy: FaultProxy
}

beforeAll(async () => {
  const sql = `drop table if exists chaos_blocking; create table chaos_blocking (mark int, n int);
    grant all on chaos_blocking to public`
  await askServer(sharedServer(), sql)
  return () => askServer(sharedServer(), 'drop table chaos_blocking')
})

test(
  `${runs} statements of a blocked program over a failing network end well (CHAOS_SEED=${seed} CHAOS_RUNS=${runs})`,
  async () => {
    const server = sharedServer()
    const planned: Run[] = []
    for (let mark = 0; mark < runs; mark += 1) {
      const chance = new Chance(seed + mark)
      const fault = someFault(chance, mark % BLACK_HOLE_EVERY === 0)
      const request = chance.of(REQUESTS)
      planned.push({ mark, fault, request, sslmode: someSslmode(chance), proxy: await startProxy(server) })
    }
    const plan = planned.map(({ mark, fault, request, proxy, sslmode }) => ({
      mark,
      request,
      dsn: `${server.dsn({ user: 'u_trust' }).replace(`:${server.port}/`, `:${proxy.port}/`)}?sslmode=${sslmode}`,
      commandTimeout: fault.kind === 'black hole' ? 150 : 0,
    }))
    const outcomes: Outcome[] = []
    // A file, because thousands of runs are too long for the environment.
    const file = join(tmpdir(), `syncpg-chaos-${process.pid}.json`)
    writeFileSync(file, JSON.stringify(plan))
    onTestFinished(() => rmSync(file))
    const run = await runScript(PROGRAM, {
      env: { PLAN: file },
      timeoutMs: 60_000 + runs * 400,
      onLine(line) {
        const [word, rest = ''] = line.split(/ (.*)/s)
        const ready = word === 'READY' ? planned[Number(rest)] : undefined
        if (ready) strike(ready.proxy, ready.fault)
        else if (word === 'OUTCOME') outcomes.push(JSON.parse(rest) as Outcome)
      },
    })
    await Promise.all(planned.map(({ proxy }) => proxy.close()))

    const last = planned[outcomes.length] ?? planned.at(-1)
    const where = `seed ${seed}, in or after ${last?.mark}: ${last?.request}, ${JSON.stringify(last?.fault)}`
    demand(run.status === 0 && run.stderr === '', `the program ends well (${where}; ${run.signal}; ${run.stderr})`)
    expect(outcomes.length).toBe(runs)
    const written = await writtenRows()
    for (const outcome of outcomes) demandGoodEnd(planned, outcome, written.get(outcome.mark) ?? 0)
    // The walk must have had runs with success and with failure, or it has shown nothing.
    for (const said of ['ok', 'failed']) {
      expect(outcomes.filter((outcome) => outcome.said === said).length).toBeGreaterThan(runs / 10)
    }
  },
  90_000 + runs * 400,
)

async function writtenRows(): Promise<Map<number, number>> {
  const sql = 'select mark, count(*)::int as count from chaos_blocking group by mark'
  const rows = await askServer<{ mark: number; count: number }>(sharedServer(), sql)
  return new Map(rows.map(({ mark, count }) => [mark, count]))
}

function demandGoodEnd(planned: readonly Run[], outcome: Outcome, writtenCount: number): void {
  const { mark, said, isClosed, isUsable, ms } = outcome
  const { fault, request, sslmode } = planned[mark] ?? {}
  const where = `(run ${mark} of seed ${seed}: ${request}, ${sslmode}, ${JSON.stringify(fault)})`
  demand(said === 'ok' || said === 'failed', `errors are of the tree, and answers right ${where}: ${said}`)
  demand(isClosed === !isUsable, `the connection is usable or closed ${where}`)
  demand(ms < LIMIT_MS, `it ends in time, not after ${ms} ms ${where}`)
  demand(said === 'ok' || (fault !== undefined && !isHarmless(fault)), `a slow network loses nothing ${where}`)
  if (request === 'select' || request === 'stream') return
  const isWhole = writtenCount === ROWS || (writtenCount === 0 && said === 'failed')
  demand(isWhole, `all or nothing was written, not ${writtenCount} ${where}`)
}
