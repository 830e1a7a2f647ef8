/**
 * Pipelines in transactions give what the same statements give one by one: results, errors, the state of the
 * transaction and the contents of the tables. The statements are random. Some of them fail, and some change what the
 * texts after them mean.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { type Connection, DbError, connect } from 'syncpg/async'

import { missingPgbouncer, startPgbouncer } from '../../support/pgbouncer.ts'
import { startProxy } from '../../support/proxy.ts'
import { askServer, sharedServer } from '../../support/shared-server.ts'

const DATABASE = 'pipeline_random'
/** `PIPELINE_SEED` takes other statements, and `PIPELINE_ROUNDS` a multiple of them. */
const SEED = Number(process.env['PIPELINE_SEED'] ?? 1)
const ROUNDS = { unix: 40, pieces: 15, pgbouncer: 15, tls: 10, pglite: 10 }
const FACTOR = Number(process.env['PIPELINE_ROUNDS'] ?? 1)

/** The part of a connection that a pipeline has too. */
type Runner = Pick<Connection, 'execute' | 'fetch' | 'fetchval'>
type Random = (below: number) => number
interface Step {
  readonly method: 'execute' | 'fetch'
  readonly sql: string
  readonly values: unknown[]
}

/** Texts with the values for a run. `#` is a number below 4. */
const TEXTS: readonly (readonly [string, ((random: Random) => unknown[])?])[] = [
  ['select count(*)::int from t'],
  ['select $1::int + 1', (random) => [random(9)]],
  ['insert into t (v) values ($1)', (random) => [`v${random(9)}`]],
  ['insert into t (id, v) values ($1, $2) returning id', (random) => [1000 + random(6), 'x']],
  ["update t set v = v || $1 where v like 'v%'", () => ['+']],
  ['delete from t where v = any($1)', (random) => [[`v${random(9)}`, 'x']]],
  ['select v from t where id > $1 order by id limit $2', (random) => [random(5), 3]],
  ["insert into t (v) values ('plain #')"],
  ['select concat($1, $2)', (random) => [random(9), 'c']],
  ["select coalesce($1, '')", (random) => [random(9)]],
  ['select $1', (random) => [random(2) === 0 ? 'a' : 7]],
  ['create table made (a int)'],
  ['drop table made'],
  ['insert into made (a) values ($1)', (random) => [random(9)]],
  ['select * from made order by 1'],
  ['alter table made alter a type text using a::text'],
  ['alter table made add b# int default 7'],
  ['select make_made()'],
  ["create type shade as enum ('light', 'dark')"],
  ['create type pair as (x int, y text)'],
  ["select row(1, 'a')::pair, 'dark'::shade"],
  ['select $1::shade', () => ['light']],
  ["select row(1, 'a')::learned"],
  ['select array_agg(l) from (select 1, t.v from t) as l'],
  ['set local search_path = other, public'],
  ['set local search_path = public'],
  ["select set_config('search_path', $1, true)", (random) => [random(2) === 0 ? 'other' : 'public']],
  ['savepoint s'],
  ['rollback to s'],
  ['release s'],
  ['commit'],
  ['begin'],
  ['select 1 / ($1::int - 1)', (random) => [random(4)]],
  ['select no_column from t where id = $1', () => [1]],
  ['select from no_table'],
  ['selekt #'],
  ['insert into t (id) values ($1)', (random) => (random(3) === 0 ? ['abc'] : [random(9)])],
  ['select $1::int', (random) => (random(2) === 0 ? [new Date(0)] : [1])],
]
/** How often each text is drawn: the first ones most of the time, so that the transaction lives for a while. */
const LIKELY = 8

function drawSteps(random: Random): Step[] {
  const steps: Step[] = []
  const count = 1 + random(14)
  while (steps.length < count) {
    const index = random(2) > 0 ? random(LIKELY) : random(TEXTS.length)
    const [sql, values] = TEXTS[index]!
    // A comment makes the text new to the connection; without one it may be known, or come several times.
    const comment = random(2) === 0 ? ` /* @${random(3)} */` : ''
    const method = random(3) === 0 ? 'execute' : 'fetch'
    const step = { method, sql: sql.replace('#', String(random(4))) + comment, values: values?.(random) ?? [] } as const
    steps.push(step)
    if (random(6) === 0) for (let more = random(5); more > 0; more -= 1) steps.push(step)
  }
  return steps
}

async function outcome(run: Promise<unknown>): Promise<unknown> {
  try {
    const result = await run
    return Array.isArray(result) ? result.map((row) => [...(row as Iterable<unknown>)]) : result
  } catch (error) {
    if (!(error instanceof DbError)) throw error
    return { name: error.name, sqlstate: error.sqlstate, message: error.primaryMessage }
  }
}

function start(runner: Runner, { method, sql, values }: Step): Promise<unknown> {
  return method === 'execute' ? runner.execute(sql, values) : runner.fetch(sql, values)
}

describe.each(['unix', 'pieces', 'pgbouncer', 'tls', 'pglite'] as const)('%s:', (transport) => {
  const connections: Connection[] = []
  let dsn = 'pglite:'

  beforeAll(async () => {
    if (transport !== 'pglite') {
      await askServer(sharedServer(), `create database ${DATABASE}_${transport}`)
      dsn = await address(transport, `${DATABASE}_${transport}`)
    }
  })
  afterAll(async () => {
    for (const con of connections) await con.close()
    for (const end of ends.splice(0)) await end()
    if (transport !== 'pglite') await askServer(sharedServer(), `drop database ${DATABASE}_${transport} with (force)`)
  })

  test.skipIf(transport === 'pgbouncer' && missingPgbouncer() !== null).each([100, 2, 0])(
    'a pipeline in a transaction gives what the statements give one by one, with a cache of %i statements',
    async (statementCacheSize) => {
      const con = await connect(dsn, { statementCacheSize })
      connections.push(con)
      await reset(con)
      for (let round = 0; round < ROUNDS[transport] * FACTOR; round += 1) {
        const seed = SEED + round
        const random = mulberry32(seed)
        const steps = drawSteps(random)
        newPieces(20 + random(500))
        const piped = await transaction(con, `p${round}`, steps, true)
        const single = await transaction(con, `s${round}`, steps, false)
        ignoreWrongValues(piped.outcomes, single.outcomes)
        expect(piped, `PIPELINE_SEED=${seed}\n${steps.map(({ sql }) => sql).join('\n')}`).toEqual(single)
      }
    },
    60_000 * FACTOR,
  )
})

const ends: (() => Promise<void>)[] = []
let newPieces: (chunkBytes: number) => void = () => {}

/** `pieces` is a proxy that cuts the server's bytes into pieces, so that a client sees each state between two answers. */
async function address(transport: 'unix' | 'tls' | 'pieces' | 'pgbouncer', database: string): Promise<string> {
  const server = sharedServer()
  if (transport === 'pieces') {
    const proxy = await startProxy(server)
    ends.push(() => proxy.close())
    newPieces = (chunkBytes) => proxy.setFaults('toClient', { chunkBytes })
    const url = new URL(server.dsn({ transport: 'tcp', database }))
    url.port = String(proxy.port)
    return url.href
  }
  if (transport !== 'pgbouncer') return server.dsn({ transport, database })
  if (missingPgbouncer() !== null) return ''
  const pooler = await startPgbouncer(server, { mode: 'transaction' })
  ends.push(() => pooler.dispose())
  return pooler.dsn({ database })
}

async function reset(con: Connection): Promise<void> {
  await con.execute(`
    drop schema if exists other cascade; drop table if exists t, made; drop type if exists shade, pair, learned; create type learned as (x int, y text);
    create schema other; create table t (id serial primary key, v text); create table other.t (id text primary key, v int);
    create or replace function make_made() returns int language plpgsql as
      $$ begin create table made (a date); return 1; end $$`)
}

/** Runs the statements in a transaction. @returns all that can be observed. */
async function transaction(con: Connection, name: string, steps: readonly Step[], isPiped: boolean): Promise<Observed> {
  await con.execute('begin')
  const own = steps.map((step) => ({ ...step, sql: step.sql.replace('@', `${name} `) }))
  const outcomes: unknown[] = []
  if (isPiped) {
    outcomes.push(...(await con.pipeline((pipeline) => Promise.all(own.map((step) => outcome(start(pipeline, step)))))))
  } else {
    for (const step of own) outcomes.push(await outcome(start(con, step)))
  }
  const state = await outcome(con.fetchval('select 1 /* 25P02 when the transaction has failed */'))
  const seen = [
    await outcome(con.fetch('select * from t order by 1 /* contents */')),
    await outcome(con.fetch('table made')),
    await outcome(con.fetch('show search_path')),
  ]
  await con.execute('rollback')
  const kept = [await outcome(con.fetch('select * from public.t order by 1')), await outcome(con.fetch('table made'))]
  await reset(con)
  return { outcomes, state, seen, kept }
}

interface Observed {
  readonly outcomes: unknown[]
  readonly state: unknown
  readonly seen: readonly unknown[]
  readonly kept: readonly unknown[]
}

/**
 * In a failed transaction a wrong value is refused by the driver when the text is known, and the text by the server when
 * it is new. A pipeline may know it.
 */
function ignoreWrongValues(piped: unknown[], single: unknown[]): void {
  for (const [index, outcome] of piped.entries()) {
    if (nameOf(outcome) !== 'DataError' || nameOf(single[index]) !== 'InFailedSQLTransactionError') continue
    piped[index] = single[index]
  }
}

function nameOf(outcome: unknown): unknown {
  return (outcome as { name?: unknown } | null)?.name
}

/** Random numbers from a seed, the same each time. */
function mulberry32(seed: number): Random {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * below)
  }
}
