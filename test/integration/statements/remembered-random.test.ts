/**
 * Random walks: DDL by the same and by another session between random statements, on both faces. Each outcome is
 * compared with that of a session without a cache, in another database that gets the same statements.
 *
 * What another session changes here is never one of the changes that docs/guides/prepared-statements.md names as
 * silent: it converts no column to a type that the old one is assigned to with another value, and it creates no table
 * of a name that another schema of the path has. `npm run test:remembered` takes a million steps.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import * as async_ from 'syncpg/async'
import * as blocking from 'syncpg'

import { askServer, createDatabase, sharedServer } from '../../support/shared-server.ts'

const STEPS = Number(process.env['REMEMBERED_STEPS'] ?? 2_000)
const SEED = Number(process.env['REMEMBERED_SEED'] ?? Date.now() % 1_000_000)
/** Steps in one pair of databases. */
const WALK = 500

/**
 * Which session may change the schema. For the other session, types are left out that would change values without an
 * error.
 */
type Mode = 'own changes' | 'changes by both'
type Face = 'async' | 'blocking' | 'blocking, implicit transactions'

interface Step {
  readonly by: 'own' | 'other'
  readonly kind: 'command' | 'rows' | 'many' | 'copy'
  readonly sql: string
  readonly values?: readonly unknown[]
}

/** The tested session, or the session with which it is compared. */
interface Subject {
  readonly isIdle: boolean
  run(step: Step): Promise<unknown>
  /** The schema may have changed. */
  forget?(): void
  close(): Promise<void>
}

const MOST_LIKED = 4
const MOMENT = new Date('2024-06-01T12:30:00Z')
/** Pairs of types that the server converts automatically, so a remembered type gives other values. */
const OWN_TYPES = ['timestamp', 'timestamptz', 'float4', 'float8', 'int8', 'text', 'numeric', 'mood']
const SHARED_TYPES = ['int8', 'text', 'bool', 'mood']
const OWN_VALUES = [MOMENT, MOMENT, 0.1, 0.1, 7, 2n ** 40n, 'x', '1.5', null]
const SHARED_VALUES = [7, 2n ** 40n, 'abc', 'x', '12', true, null]

/** The steps of the other session while the first one is in a transaction. None of them may wait for it. */
const ALTERATIONS = [
  ['int8', 'text', 'a::text'],
  ['text', 'int8', 'null'],
  ['bool', 'int8', 'null'],
  ['int8', 'bool', 'null'],
] as const

class Walk {
  readonly #random: () => number
  readonly #mode: Mode
  /** Statements that succeeded. They run again, so that they are cached when the schema changes. */
  readonly #liked: Step[] = []
  #last: Step | null = null

  constructor(random: () => number, mode: Mode) {
    this.#random = random
    this.#mode = mode
  }

  /** @param last the outcome of the step before */
  next(isIdle: boolean, last: string): Step {
    const hasFailed = last.length === 5 || last === 'DataError'
    if (this.#last?.kind === 'rows' && !hasFailed) this.#liked.push(this.#last)
    if (this.#liked.length > MOST_LIKED) this.#liked.shift()
    this.#last = this.#choose(isIdle, hasFailed && !isIdle)
    return this.#last
  }

  #choose(isIdle: boolean, hasFailed: boolean): Step {
    const chance = this.#random()
    if (hasFailed && chance < 0.7) return this.#command(this.#pick(['rollback', 'rollback', 'rollback to s', 'commit']))
    if (isIdle && chance < 0.1) return this.#command('begin')
    if (this.#mode === 'changes by both' && chance < 0.15) return this.#byOther(isIdle)
    if (chance < 0.35) return this.#ownChange()
    return this.#liked.length > 0 && this.#random() < 0.7 ? this.#pick(this.#liked) : this.#statement()
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random() * from.length)] as T
  }

  #table(): string {
    return this.#pick(['t1', 't1', 't1', 't2'])
  }

  #schema(): string {
    return this.#pick(['s1', 's2'])
  }

  #type(): string {
    return this.#pick(this.#mode === 'own changes' ? OWN_TYPES : SHARED_TYPES)
  }

  #value(): unknown {
    return this.#pick<unknown>(this.#mode === 'own changes' ? OWN_VALUES : SHARED_VALUES)
  }

  #statement(): Step {
    const table = this.#table()
    const one = (sql: string): Step => ({ by: 'own', kind: 'rows', sql, values: [this.#value()] })
    const none = (sql: string): Step => ({ by: 'own', kind: 'rows', sql, values: [] })
    const two = (sql: string): Step => ({ by: 'own', kind: 'rows', sql, values: [this.#value(), this.#value()] })
    const records = (): unknown[][] => Array.from({ length: 3 }, () => [this.#value(), null])
    return this.#pick<() => Step>([
      () => one(`insert into ${table} values ($1) returning *`),
      () => one(`insert into ${table} values ($1) returning *`),
      () => one(`insert into ${table} values ($1) returning *`),
      () => one(`insert into ${table} values ($1) returning a`),
      () => two(`insert into ${table} values ($1, $2)`),
      () => none(`select * from ${table}`),
      () => none(`select a from ${table}`),
      () => one(`select * from ${table} where a = $1`),
      () => one(`select a from ${table} where a = $1`),
      () => one(`update ${table} set a = $1 returning a`),
      () => one(`delete from ${table} where a = $1`),
      () => none(`delete from ${table}`),
      () => one(`select $1::mood, 'x'::mood`),
      () => none(`select f(1)`),
      () => one(`select f($1)`),
      () => none(`select 'now'::timestamptz = transaction_timestamp()`),
      () => none(`select extract(hour from timestamptz '2024-06-01 00:00' at time zone 'UTC')::int`),
      () => none(`select ${table} from ${table}`),
      () => none(`select current_schema()::text`),
      () => ({ by: 'own', kind: 'many', sql: `insert into ${table} values ($1, $2)`, values: records() }),
      () => ({ by: 'own', kind: 'many', sql: `delete from ${table} where a = $1`, values: [[this.#value()]] }),
      () => ({ by: 'own', kind: 'copy', sql: table, values: records() }),
    ])()
  }

  #ownChange(): Step {
    const [table, schema, type, other] = [this.#table(), this.#schema(), this.#type(), this.#type()]
    const sql = this.#pick([
      `create table ${table} (a ${type}, b ${other})`,
      `create table ${schema}.${table} (a ${type}, b ${other})`,
      `create temp table ${table} (a ${type}, b ${other})`,
      `create temp table ${table} (a ${type}, b ${other}) on commit drop`,
      `create temp table ${table} as select null::${type} as a, null::${other} as b`,
      `select null::${type} as a, null::${other} as b into temp ${table}`,
      `do $$ begin create temp table ${table} (a ${type}, b ${other}); end $$`,
      `create temp table ${table} (a ${type}); alter table ${table} add b ${other}`,
      `drop table if exists ${table}`,
      `drop table if exists ${schema}.${table}; create table ${schema}.${table} (a ${type}, b ${other})`,
      `drop table if exists pg_temp.${table}`,
      `alter table ${table} alter a type ${type} using null`,
      `alter table ${table} add c ${type}`,
      `alter table ${table} drop column if exists b`,
      `alter table ${table} rename b to c`,
      `alter table ${schema}.t1 rename to t2`,
      `alter table ${schema}.t2 rename to t1`,
      `alter table s1.${table} set schema s2`,
      `create type s1.mood as enum ('x', 'y')`,
      `create type s1.mood as enum ('abc')`,
      `drop type if exists s1.mood cascade`,
      `create function s1.f(int8) returns text language sql as $$ select 'f' $$`,
      `create function s1.f(int8) returns int8 language sql as $$ select $1 + 1 $$`,
      `create function s2.f(text) returns text language sql as $$ select $1 || 'f' $$`,
      `drop function if exists s1.f(int8)`,
      `drop function if exists s2.f(text)`,
      ...SETTINGS,
      ...TRANSACTIONS,
      ...TRANSACTIONS,
    ])
    return this.#command(sql)
  }

  #command(sql: string): Step {
    return { by: 'own', kind: 'command', sql }
  }

  #byOther(isIdle: boolean): Step {
    const [table, schema, type, second] = [this.#table(), this.#schema(), this.#type(), this.#type()]
    const name = `${schema}.${table}`
    const [from, to, using] = this.#pick(ALTERATIONS)
    const inside = [
      conditional(`${typeOf(name)} = '${from}'`, `lock table ${name} in access exclusive mode nowait`, [
        `alter table ${name} alter a type ${to} using ${using}`,
      ]),
      conditional(`to_regclass('${name}') is not null`, `lock table ${name} in access exclusive mode nowait`, [
        `alter table ${name} add ${this.#pick(['b', 'c'])} ${this.#pick(['int8', 'text', 'bool'])}`,
      ]),
    ]
    const outside = [
      `drop table if exists ${name}`,
      `alter table if exists ${name} drop column if exists b`,
      conditional(`coalesce(to_regclass('s1.${table}'), to_regclass('s2.${table}')) is null`, 'null', [
        `create table ${name} (a ${type}, b ${second})`,
      ]),
      conditional(`coalesce(to_regclass('s1.${table}'), to_regclass('s2.${table}')) is null`, 'null', [
        `create table ${name} (a ${type})`,
      ]),
      `drop type if exists s1.mood cascade`,
      `drop type if exists s1.mood cascade; create type s1.mood as enum ('x', 'abc')`,
      `drop function if exists s1.f(int8)`,
      conditional(`to_regprocedure('s1.f(int8)') is null and to_regprocedure('s2.f(text)') is null`, 'null', [
        `create function s1.f(int8) returns ${this.#pick(['text', 'int8'])} language sql as 'select $1::text::int8 + 2'`,
      ]),
    ]
    return { by: 'other', kind: 'command', sql: this.#pick(isIdle ? [...inside, ...outside] : inside) }
  }
}

const SETTINGS = [
  'set search_path = s1',
  'set search_path = s2, s1',
  'set local search_path = s2',
  "select set_config('search_path', 's1, s2', false)",
  'reset search_path',
  "set timezone = 'America/New_York'",
  "set local timezone = 'Asia/Tokyo'",
  'reset timezone',
  'reset all',
  'discard temp',
  'discard all',
  'deallocate all',
]
const TRANSACTIONS = [
  'begin',
  'begin',
  'begin',
  'commit',
  'commit',
  'commit',
  'rollback',
  'savepoint s',
  'savepoint s',
  'rollback to s',
  'release s',
]

function typeOf(name: string): string {
  return `(select atttypid::regtype::text from pg_attribute where attrelid = to_regclass('${name}') and attname = 'a')`
    .replace('regtype::text', 'regtype')
    .replace('atttypid::regtype', "replace(replace(atttypid::regtype::text, 'bigint', 'int8'), 'boolean', 'bool')")
}

function conditional(condition: string, first: string, commands: readonly string[]): string {
  const begun = first === 'null' ? 'null' : first
  return `do $do$ begin if ${condition} then ${begun}; ${commands.join('; ')}; end if; end $do$`
}

const FACES: readonly Face[] = ['async', 'blocking', 'blocking, implicit transactions']

describe.each(FACES)('%s', (face: Face) => {
  test.each(['own changes', 'changes by both'] as const)(
    '%s: the caches never give a wrong result',
    async (mode: Mode) => {
      const share = Math.ceil(STEPS / 6)
      answered = 0
      // A walk may end early. Then another one goes on.
      for (let done = 0; done < share;) {
        const seed = SEED + done + FACES.indexOf(face) * 1e7
        done += await walk(face, mode, seed, Math.min(WALK, share - done))
      }
      expect(answered / share).toBeGreaterThan(0.15)
    },
    STEPS * 40 + 30_000,
  )
})

const LOCK_NOT_AVAILABLE = '55P03'

const databases = [`remembered_${process.pid}_a`, `remembered_${process.pid}_b`] as const
beforeAll(async () => {
  for (const name of databases) await createDatabase(sharedServer(), name)
})
afterAll(async () => {
  for (const name of databases) await askServer(sharedServer(), `drop database if exists ${name} with (force)`)
})

/** The number of statements that succeeded. A walk of only failures would show little. */
let answered = 0

/** @returns how many steps it went */
async function walk(face: Face, mode: Mode, seed: number, steps: number): Promise<number> {
  const [mine, theirs] = databases.map((database) => sharedServer().dsn({ database })) as [string, string]
  const others = await Promise.all([mine, theirs].map((dsn) => forgetful(dsn)))
  for (const other of others) {
    await other.run(command('drop schema if exists s1, s2 cascade; create schema s1; create schema s2'))
    await other.run(command("create type s1.mood as enum ('x', 'y'); create table s1.t1 (a int8, b text)"))
    await other.run(command('create table s2.t2 (a text, b text); create table s1.t2 (a bool, b s1.mood)'))
  }
  const path = '?options=-csearch_path%3Ds1,s2%20-ctimezone%3DAmerica/New_York'
  const subject = await open(face, mine + path)
  const reference = await forgetful(theirs + path, face.endsWith('implicit transactions'))
  const course = new Walk(mulberry32(seed), mode)
  const log: string[] = []
  let last = ''
  try {
    for (let i = 0; i < steps; i += 1) {
      const step = course.next(reference.isIdle, last)
      if (step.sql === 'begin' && face.endsWith('implicit transactions')) continue
      const [one, two] = step.by === 'own' ? [subject, reference] : (others as [Subject, Subject])
      // The two server processes work at the same time.
      const wanted = outcomeOf(two, step)
      const outcomes = [await outcomeOf(one, step), await wanted] as const
      if (step.kind === 'command') reference.forget?.()
      last = outcomes[1]
      if (step.kind !== 'command' && last.length !== 5) answered += 1
      log.push(`${i} ${step.by} ${step.kind}: ${step.sql} ${show(step.values)}  ->  ${outcomes[1]}`)
      if (outcomes[0] === outcomes[1]) continue
      // A statement that the client refuses by what it remembers takes no lock, so a change by another session may get in
      // on one side only. Nothing is wrong with that, but the databases differ from here on.
      if (step.by === 'other' && outcomes.includes(LOCK_NOT_AVAILABLE)) return i + 1
      throw new Error(
        `REMEMBERED_SEED=${seed}, ${face}, ${mode}: step ${i} gave ${outcomes[0]}\n${log.slice(-40).join('\n')}`,
      )
    }
    return steps
  } finally {
    await subject.close()
    await reference.close()
    for (const other of others) await other.close()
  }
}

function command(sql: string): Step {
  return { by: 'other', kind: 'command', sql }
}

async function outcomeOf(subject: Subject, step: Step): Promise<string> {
  try {
    return show(await subject.run(step))
  } catch (error) {
    if (!(error instanceof async_.Error || error instanceof blocking.Error)) throw error
    return error.sqlstate ?? error.name
  }
}

/** A session without a cache. */
async function forgetful(dsn: string, isImplicit = false): Promise<Subject> {
  const con = await async_.connect(dsn, { statementCacheSize: 0 })
  return {
    get isIdle() {
      return !con.isInTransaction
    },
    forget: () => con.reloadSchemaState(),
    async run(step) {
      if (isImplicit && !con.isInTransaction && !/^(?:commit|rollback$)/.test(step.sql)) await con.execute('begin')
      return runAsync(con, step)
    },
    close: () => con.close(),
  }
}

async function open(face: Face, dsn: string): Promise<Subject> {
  if (face === 'async') {
    const con = await async_.connect(dsn)
    return {
      get isIdle() {
        return !con.isInTransaction
      },
      run: (step) => runAsync(con, step),
      close: () => con.close(),
    }
  }
  const con = blocking.connect(dsn, { autocommit: face === 'blocking' })
  return {
    get isIdle() {
      return con.info.status === 'idle'
    },
    run: async (step) => runBlocking(con, step),
    async close() {
      con.close()
    },
  }
}

async function runAsync(con: async_.Connection, { kind, sql, values = [] }: Step): Promise<unknown> {
  switch (kind) {
    case 'command':
      await con.execute(sql)
      return ''
    case 'rows':
      return sorted(await con.fetch(sql, values))
    case 'many':
      await con.executemany(sql, values as unknown[][])
      return ''
    case 'copy':
      return con.copyRecordsToTable(sql, { records: values as unknown[][] })
  }
}

function runBlocking(con: blocking.Connection, { kind, sql, values = [] }: Step): unknown {
  switch (kind) {
    case 'command':
      // When no transaction is open, `execute` would begin one before these commands; the methods do not.
      if (sql === 'commit' && con.autocommit === false) commitQuietly(con)
      else if (sql === 'rollback' && con.autocommit === false) con.rollback()
      else con.execute(sql)
      return ''
    case 'rows':
      return sorted(con.fetch(sql, values))
    case 'many':
      con.executemany(sql, values as unknown[][])
      return ''
    case 'copy':
      return `COPY ${con.copyRecordsToTable(sql, { records: values as unknown[][] })}`
  }
}

/** COMMIT in SQL says nothing of a transaction that had failed; `commit()` throws. */
function commitQuietly(con: blocking.Connection): void {
  try {
    con.commit()
  } catch (error) {
    if (!(error instanceof blocking.InFailedSQLTransactionError)) throw error
  }
}

function sorted(rows: readonly Iterable<unknown>[]): string[] {
  return rows.map((row) => show([...row])).sort()
}

function show(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`
  if (value instanceof Date) return `Date ${value.toISOString()}`
  if (value !== null && typeof value === 'object') return `{${Object.entries(value).map(show).join(', ')}}`
  return typeof value === 'string' ? JSON.stringify(value) : `${typeof value} ${String(value)}`
}

/** Random numbers from a seed, the same each time. */
function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
