/**
 * Random statements over a network that fails at random moments. Every call ends in time, with its own answer or an
 * error of the tree. Atomic changes happen as a whole or not at all. Afterwards the connection is usable or closed.
 */
import { type AddressInfo, createConnection, createServer } from 'node:net'

import { beforeAll, expect, onTestFinished, test } from 'vitest'

import { type Connection, InterfaceError, OperationalError, connect } from 'syncpg/async'

import { type Direction, startProxy } from '../../support/proxy.ts'
import { askServer, sharedServer } from '../../support/shared-server.ts'
import {
  bounded,
  Chance,
  demand,
  type Fault,
  isHarmless,
  someFault,
  someSslmode,
  strike,
  walk,
} from './chaos-support.ts'

const { runs, seed } = walk(30)
/**
 * One run in this many has a black hole. It takes several seconds, because a session is given up only after that
 * silence.
 */
const BLACK_HOLE_EVERY = 20
const LANES = 8
const DIRECTIONS: readonly Direction[] = ['toServer', 'toClient']
const COMMAND_TIMEOUT_MS = 150
/** The longest wait of the driver is five seconds of silence after a cancel request; a machine may be busy. */
const LIMIT_MS = 30_000

const ROWS = 200

/** The calls of a run. `mark` is the number of the run. Each call checks its answer. */
const requests = {
  async select(con: Connection, mark: number) {
    const rows = await con.fetch(
      'select n, $1::int as mark, repeat($2, n % 40) as text from generate_series(1, $3) n',
      [mark, 'ż', ROWS],
    )
    demand(rows.length === ROWS, 'all rows came')
    demand(
      rows.every((row, index) => row[0] === index + 1 && row[1] === mark && row[2] === 'ż'.repeat((index + 1) % 40)),
      'the rows are those asked for',
    )
  },
  async script(con: Connection) {
    const tag = await con.execute("select 1; set application_name = 'chaos'; select 1 union select 2")
    demand(tag === 'SELECT 2', 'the tag is the last one')
  },
  async executemany(con: Connection, mark: number) {
    await con.executemany('insert into chaos values ($1, $2)', records(mark))
  },
  async records(con: Connection, mark: number) {
    const tag = await con.copyRecordsToTable('chaos', { records: records(mark) })
    demand(tag === `COPY ${ROWS}`, 'all records were taken')
  },
  async copyIn(con: Connection, mark: number) {
    const source = records(mark).map((record) => `${record.join('\t')}\n`)
    demand((await con.copyToTable('chaos', { source })) === `COPY ${ROWS}`, 'all lines were taken')
  },
  async copyOut(con: Connection, mark: number) {
    let text = ''
    const output = (chunk: Uint8Array): void => void (text += Buffer.from(chunk).toString())
    await con.copyFromQuery('select n, $1::int from generate_series(1, $2) n', [mark, ROWS], { output })
    demand(text === Array.from({ length: ROWS }, (_, n) => `${n + 1}\t${mark}\n`).join(''), 'all lines came')
  },
  async transaction(con: Connection, mark: number) {
    await con.transaction(async () => {
      for (const record of records(mark).slice(0, 3)) await con.execute('insert into chaos values ($1, $2)', record)
      await con.transaction(() => con.executemany('insert into chaos values ($1, $2)', records(mark).slice(3)))
      const count = await con.fetchval('select count(*)::int from chaos where mark = $1', [mark])
      demand(count === ROWS, 'the transaction sees its rows')
    })
  },
  async cursor(con: Connection, mark: number) {
    await con.transaction(async () => {
      let next = 1
      const cursor = con.cursor('select n, $1::int as mark from generate_series(1, $2) n', [mark, ROWS])
      for await (const row of cursor) demand(row[0] === next++ && row[1] === mark, 'the rows are those asked for')
      demand(next === ROWS + 1, 'all rows came')
    })
  },
} as const satisfies Record<string, (con: Connection, mark: number) => Promise<void>>

type Request = keyof typeof requests

const WRITERS: readonly Request[] = ['executemany', 'records', 'copyIn', 'transaction']

function records(mark: number): [number, number][] {
  return Array.from({ length: ROWS }, (_, n) => [mark, n])
}

beforeAll(async () => {
  await askServer(
    sharedServer(),
    'drop table if exists chaos; create table chaos (mark int, n int); grant all on chaos to public',
  )
  return () => askServer(sharedServer(), 'drop table chaos')
})

interface Run {
  readonly fault: Fault
  readonly request: Request
  readonly sslmode: 'disable' | 'require'
}

/** @returns whether the request was answered. @throws what contradicts a claim. */
async function attempt(work: () => Promise<void>): Promise<boolean> {
  try {
    await work()
    return true
  } catch (error) {
    if (error instanceof OperationalError || error instanceof InterfaceError) return false
    throw error
  }
}

async function oneRun(mark: number, { fault, request, sslmode }: Run): Promise<boolean> {
  const server = sharedServer()
  const proxy = await startProxy(server)
  const dsn = server.dsn({ user: 'u_trust' }).replace(`:${server.port}/`, `:${proxy.port}/`)
  const options = fault.kind === 'black hole' ? { commandTimeout: COMMAND_TIMEOUT_MS } : {}
  const con = await connect(dsn, { ...options, sslmode })
  const callOff = strike(proxy, fault)
  try {
    const isAnswered = await attempt(() => requests[request](con, mark))
    callOff()
    proxy.setFaults('both', {})
    // A connection may also be lost between two statements. If it is open, it must answer.
    const isUsable = await attempt(async () => {
      demand(
        (await con.fetchval('select $1::int', [mark], 0, { timeout: LIMIT_MS })) === mark,
        'the next statement gets its own answer',
      )
    })
    demand(con.isClosed === !isUsable, 'the connection is usable or closed')
    demand(!con.isInTransaction, 'no transaction was left open')
    return isAnswered
  } finally {
    await con.close({ timeout: 1000 })
    await proxy.close()
  }
}

/** The rows of a write are all there or none is. If the call succeeded, all are there. */
async function demandWhole(mark: number, request: Request, isAnswered: boolean): Promise<void> {
  if (!WRITERS.includes(request)) return
  const [row] = await askServer<{ count: number }>(
    sharedServer(),
    'select count(*)::int as count from chaos where mark = $1',
    [mark],
  )
  demand(row?.count === ROWS || (row?.count === 0 && !isAnswered), `all or nothing was written, not ${row?.count}`)
}

test(
  `${runs} statements over a failing network end well (CHAOS_SEED=${seed} CHAOS_RUNS=${runs})`,
  async () => {
    const outcomes = { answered: 0, failed: 0 }
    const walkOne = async (mark: number): Promise<void> => {
      const chance = new Chance(seed + mark)
      const fault = someFault(chance, mark % BLACK_HOLE_EVERY === 0)
      const request = chance.of(Object.keys(requests) as Request[])
      const run = { fault, request, sslmode: someSslmode(chance) }
      const what = `run ${mark} of seed ${seed}: ${JSON.stringify(run)}`
      try {
        const isAnswered = await bounded(oneRun(mark, run), LIMIT_MS, what)
        await demandWhole(mark, request, isAnswered)
        demand(isAnswered || !isHarmless(fault), 'a slow network loses nothing')
        outcomes[isAnswered ? 'answered' : 'failed'] += 1
      } catch (error) {
        throw new Error(what, { cause: error })
      }
    }
    const marks = Array.from({ length: runs }, (_, index) => index)
    const isSlow = (mark: number): boolean => mark % BLACK_HOLE_EVERY === 0
    // Runs with black holes only wait, so many of them run at the same time.
    await Promise.all([
      inLanes(marks.filter(isSlow), 3 * LANES, walkOne),
      inLanes(
        marks.filter((mark) => !isSlow(mark)),
        LANES,
        walkOne,
      ),
    ])
    // The walk must have had runs with success and with failure, or it has shown nothing.
    expect(Math.min(outcomes.answered, outcomes.failed)).toBeGreaterThan(runs / 10)
  },
  60_000 + runs * 200,
)

const IS_EVERY_BYTE = process.env['CHAOS_EVERY_BYTE'] !== undefined
/** The number of cuts in a direction, beside those between messages, when not every byte is cut. */
const CUTS_BY_CHANCE = 50

test.each(['disable', 'require'] as const)(
  `a connection cut anywhere, in connecting or in a statement, in either direction, throws an error of syncpg (sslmode=%s, CHAOS_SEED=${seed})`,
  async (sslmode) => {
    const server = sharedServer()
    const proxies = await Promise.all(Array.from({ length: LANES }, () => startProxy(server)))
    /** Returns the answer, or the step that failed. */
    const visit = async ({ port }: { readonly port: number }): Promise<string> => {
      const dsn = server.dsn({ user: 'u_trust' }).replace(`:${server.port}/`, `:${port}/`)
      let con: Connection | undefined
      let answer = 'no answer'
      const isGood = await attempt(async () => {
        con = await connect(dsn, { sslmode })
        answer = String(await con.fetchval("select $1 || 'ó'", ['żółw']))
      })
      demand(isGood || con === undefined || con.isClosed, 'the connection is usable or closed')
      await con?.close()
      return answer
    }
    const tap = await startTap()
    expect(await visit(tap)).toBe('żółwó')
    const cuts = DIRECTIONS.flatMap((direction) => {
      const bytes = tap.heard(direction)
      const between = sslmode === 'disable' ? messageEnds(direction, bytes) : []
      return cutsOf(bytes.length, between).map((position) => ({ direction, position }))
    })
    const most = (direction: Direction): number => cuts.filter((cut) => cut.direction === direction).length / 4
    const limits = { toServer: most('toServer'), toClient: most('toClient') }
    const answers = { toServer: 0, toClient: 0 }
    await Promise.all(
      proxies.map(async (proxy) => {
        for (let cut = cuts.pop(); cut !== undefined; cut = cuts.pop()) {
          proxy.setFaults('both', {})
          proxy.setFaults(cut.direction, { cutAfterBytes: cut.position })
          const what = `cut ${cut.direction} after ${cut.position} bytes`
          const answer = await bounded(visit(proxy), LIMIT_MS, what)
          demand(['żółwó', 'no answer'].includes(answer), `${what} the answer is right, not ${answer}`)
          if (answer !== 'no answer') answers[cut.direction] += 1
        }
      }),
    )
    // After a cut there, only bytes after the answer are lost: the client's Terminate message, or the server's last
    // bytes.
    expect(answers.toServer).toBeLessThan(limits.toServer)
    expect(answers.toClient).toBeLessThan(limits.toClient)
    await Promise.all(proxies.map((proxy) => proxy.close()))
  },
  IS_EVERY_BYTE ? 660_000 : 60_000,
)

/** The places to cut a direction: after every byte, or between all messages and at random places. */
function cutsOf(length: number, between: readonly number[]): number[] {
  if (IS_EVERY_BYTE) return Array.from({ length }, (_, index) => index + 1)
  const chance = new Chance(seed)
  return [...new Set([...between, ...Array.from({ length: CUTS_BY_CHANCE }, () => 1 + chance.below(length))])]
}

/** After how many bytes each message of a connection in the clear ends. The first of a client has no letter. */
function messageEnds(direction: Direction, bytes: Buffer): number[] {
  const ends: number[] = []
  for (let at = 0; at < bytes.length; ends.push(at)) {
    const letterBytes = at === 0 && direction === 'toServer' ? 0 : 1
    at += letterBytes + bytes.readInt32BE(at + letterBytes)
  }
  return ends
}

/**
 * A relay between a client and the server that records all bytes and changes none. It closes at the end of the test.
 */
async function startTap(): Promise<{ readonly port: number; heard(direction: Direction): Buffer }> {
  const { host, port: serverPort } = sharedServer()
  const heard: Record<Direction, Buffer[]> = { toServer: [], toClient: [] }
  const tap = createServer((client) => {
    const upstream = createConnection(serverPort, host)
    client.on('data', (chunk) => heard.toServer.push(chunk)).pipe(upstream)
    upstream.on('data', (chunk) => heard.toClient.push(chunk)).pipe(client)
    client.on('error', () => upstream.destroy())
    upstream.on('error', () => client.destroy())
  })
  await new Promise<void>((resolve) => tap.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void tap.close())
  const { port } = tap.address() as AddressInfo
  return { port, heard: (direction) => Buffer.concat(heard[direction]) }
}

async function inLanes(marks: readonly number[], lanes: number, work: (mark: number) => Promise<void>): Promise<void> {
  const rest = [...marks]
  const lane = async (): Promise<void> => {
    for (let mark = rest.shift(); mark !== undefined; mark = rest.shift()) await work(mark)
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}
