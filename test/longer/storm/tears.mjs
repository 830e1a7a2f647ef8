/**
 * Calls that are interrupted at any moment, as Ctrl-C does it in a REPL: `vm`'s time limit ends a script in the same way, with
 * no `finally` run. The next call is one on the same connection, on another one, or a new connection.
 */
import { Script } from 'node:vm'

import * as db from 'syncpg'

import { FATE } from './fate.mjs'
import { Fault } from './tally.mjs'
import { turn } from './turns.mjs'

const script = new Script('stormTorn()')
/** Errors that the documentation allows, because it is unknown how much of a request or an answer was read. */
const LOST_BY_TEAR = 'sent or answered in part'

const ignore = () => {}

/** Each of these calls would run forever, or much longer than its limit. */
const LOOPS = {
  select(con) {
    for (;;) con.fetchval('select %s::int', [-7])
  },
  selectSlowly(con) {
    for (;;) con.fetchval('select -8 from pg_sleep(0.002)')
  },
  sleep(con) {
    con.fetchval('select -9 from pg_sleep(30)')
  },
  echo(con, walk) {
    for (;;) con.fetchrow('select %s::int, %s::bytea', [-10, walk.forged.bytes()])
  },
  stored(con, walk) {
    for (let id = 0; ; id++) con.fetchval('select body from storm_value where id = %s', [id % walk.values.length])
  },
  rows(con) {
    for (;;) con.fetch('select i, repeat(chr(97), 100) from generate_series(1, 3000) i')
  },
  script(con) {
    for (;;) con.execute('select 1; select 2; select 3')
  },
  otherTexts(con, walk) {
    for (;;) con.fetchval(`select %s::int + ${walk.nextNumber()}`, [1])
  },
  batch(con) {
    const elements = Array.from({ length: 50 }, (_, index) => [index])
    for (;;) con.fetchmany('select %s::int', elements)
  },
  scope(con) {
    con.transaction(() => {
      for (;;) con.fetchval('select 5')
    })
  },
  stream(con) {
    con.transaction(() => {
      for (;;) for (const row of con.cursor().stream('select generate_series(1, 500)')) ignore(row)
    })
  },
  copyOut(con) {
    for (;;) con.copyFromQuery('select generate_series(1, 5000)', null, { output: ignore })
  },
  notices(con) {
    for (;;) con.fetchval('select storm_say(1, 9, 10)')
  },
  failures(con) {
    for (;;) {
      try {
        con.fetchval('select 1 / 0')
      } catch {
        con.rollback()
      }
    }
  },
  limits(con) {
    for (;;) {
      try {
        con.fetchval('select pg_sleep(1)', null, 0, { timeout: 2 })
      } catch {
        con.rollback()
      }
    }
  },
  /** A row whose insert was interrupted is not committed. The fate of a row whose commit was interrupted is unknown. */
  ledger(con, walk, side) {
    for (;;) {
      const row = walk.newRow(side)
      if (side.isAutocommit) walk.giveUpRows(side, FATE.unknown)
      walk.insertRow(con, row)
      walk.giveUpRows(side, FATE.unknown)
      con.commit()
      walk.fates[row] = FATE.committed
    }
  },
  notify(con, walk) {
    for (;;) {
      const payload = walk.nextPayload()
      const number = walk.saidCount
      con.fetchval("select pg_notify('storm', %s)", [payload])
      con.commit()
      walk.saidSurely = number
    }
  },
}
const NAMES = Object.keys(LOOPS)

/** @returns whether the body was interrupted */
function tearOff(walk, side, what, body) {
  globalThis.stormTorn = body
  const timeout = walk.random.between(1, 16)
  try {
    walk.try(side, `${what}, interrupted after ${timeout} ms`, () => script.runInThisContext({ timeout }))
  } catch (error) {
    if (error.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
    walk.tally.tears += 1
    return true
  }
  return false
}

export async function tear(walk, side) {
  const { random } = walk
  const name = random.pick(NAMES)
  if (name === 'notify' || name === 'scope' || name === 'stream') walk.idle(side)
  const { con } = side
  side.isTorn = true
  tearOff(walk, side, `loop ${name}`, () => LOOPS[name](con, walk, side))
  // The interrupted call may still send its notification, so later ones must come after it.
  if (name === 'notify') return recover(walk, side)
  if (random.chance(0.3)) return askOther(walk, side)
  if (random.chance(0.2)) await turn()
  if (random.chance(0.5)) return recover(walk, side)
  if (random.chance(0.3)) connectAnother(walk, side)
}

/** The next call after an interrupted one is one on another connection. */
function askOther(walk, side) {
  const others = walk.sides.filter((other) => other !== side && !other.isTorn)
  if (others.length === 0) return connectAnother(walk, side)
  const other = walk.random.pick(others)
  const number = walk.nextNumber()
  const answer = walk.call(other, `select ${number} after a tear`, (con) => con.fetchval('select %s::int', [number]))
  walk.demand(answer === number, `asked for ${number}, got ${answer}`)
}

/** The next call after an interrupted one connects. */
function connectAnother(walk, side) {
  const number = walk.nextNumber()
  const name = `storm ${walk.owner} ${walk.serial++}`
  const options = { autocommit: true, applicationName: name }
  const transport = walk.random.pick(['unix', 'tcp'])
  walk.try(side, `connect ${name} after a tear`, () => {
    const con = db.connect(walk.dsns[transport], options)
    const answer = con.fetchval('select %s::int', [number])
    con.close()
    walk.demand(answer === number, `asked for ${number}, got ${answer}`)
  })
  walk.tally.connects += 1
  walk.closed.push({ name, atMs: Date.now() })
}

/**
 * The first call on a connection whose last call was interrupted. The session must be the same, and the call must get
 * its own answer.
 */
export async function recover(walk, side) {
  // Lets the event loop turn, as when the prompt returns.
  await turn()
  side.isTorn = false
  const number = walk.nextNumber()
  try {
    walk.giveUpRows(side, FATE.rolledBack)
    walk.try(side, 'rollback after a tear', (con) => con.rollback())
    side.notices = []
    const [answer, pid] = walk.call(side, `select ${number} after a tear`, (con) =>
      con.fetchrow('select %s::int, pg_backend_pid()', [number]),
    )
    walk.demand(answer === number, `asked for ${number}, got ${answer}`)
    walk.demand(pid === side.pid, 'another backend answered')
  } catch (error) {
    if (error instanceof Fault || !error.message.includes(LOST_BY_TEAR)) throw error
    walk.tally.lostByTear += 1
    const second = walk.fail(side, 'a call after the loss', (con) => con.fetchval('select 1'))
    walk.demand(second instanceof db.InterfaceError, `a loss was told twice: ${second.message}`)
    walk.replace(side)
  }
}

export async function tearConnect(walk, side) {
  const name = `storm ${walk.owner} ${walk.serial++}`
  const transport = walk.random.pick(['unix', 'tcp', 'tls'])
  let con = null
  tearOff(walk, side, `connect ${name}`, () => {
    con = db.connect(walk.dsns[transport], { applicationName: name })
    for (;;) con.fetchval('select 1')
  })
  if (walk.random.chance(0.3)) {
    const number = walk.nextNumber()
    walk.demand(
      walk.try(side, `select ${number}`, (own) => own.fetchval('select %s::int', [number])) === number,
      `another answer than ${number} after an interrupted connect`,
    )
  }
  await turn()
  if (con !== null) walk.try(side, `close ${name}`, () => con.close())
  await turn()
  walk.closed.push({ name, atMs: Date.now() })
}

/** Connections that are opened and closed until one of both is interrupted. */
export async function tearReconnect(walk, side) {
  const names = []
  let con = null
  tearOff(walk, side, 'connect and close', () => {
    for (;;) {
      const name = `storm ${walk.owner} ${walk.serial++}`
      names.push(name)
      con = null
      con = db.connect(walk.dsns.unix, { autocommit: true, applicationName: name })
      con.fetchval('select 1')
      con.close()
    }
  })
  await turn()
  if (con !== null) walk.try(side, `close ${names.at(-1)} again`, () => con[Symbol.dispose]())
  await turn()
  walk.tally.connects += names.length
  for (const name of names) walk.closed.push({ name, atMs: Date.now() })
  // A closed connection must leave the server even if the program still refers to it.
  walk.kept.push(con)
}
