/**
 * The acts of a walk on a connection. Each begins on a usable connection, with or without an open transaction, and
 * leaves it usable. It compares all results with the expected ones.
 */
import * as db from 'syncpg'

import { tear, tearConnect, tearReconnect } from './tears.mjs'
import { FATE } from './fate.mjs'
import { collectGarbage, turn } from './turns.mjs'

export { recover } from './tears.mjs'

/** The error that a listener of notices throws. */
class ListenerError extends Error {
  isOfListener = true
}

const ROWS = 'select i, i * 2 from generate_series(1, %s) i'
const demandRows = (walk, rows, from, what) =>
  walk.demand(
    rows.every((row, index) => row.length === 2 && row[0] === from + index && row[1] === 2 * (from + index)),
    `${what}: another row`,
  )

/** Runs `body` in a transaction that is rolled back. */
function undone(walk, side, what, body) {
  walk.idle(side)
  walk.call(
    side,
    what,
    (con) =>
      con.transaction(() => {
        body(con)
        throw new db.Rollback()
      }),
    'idle',
  )
}

/** A temporary table of the connection's own. */
function withTable(walk, side, what, body) {
  walk.idle(side)
  const sql = 'create temporary table if not exists storm_own (n int, body bytea)'
  undone(walk, side, what, (con) => {
    con.execute(sql)
    side.notices = []
    body(con)
  })
}

/** After a failure: the transaction has failed, or has not begun. */
function afterFailure(walk, side, ...others) {
  if (side.isAutocommit) walk.demandStatus(side, 'after a failure', 'idle')
  else {
    walk.demandStatus(side, 'after a failure', 'failed', 'idle', ...others)
    walk.rollback(side)
  }
}

function selectNumber(walk, side) {
  const number = walk.nextNumber()
  const answer = walk.call(side, `select ${number}`, (con) => con.fetchval('select %s::int', [number]))
  walk.demand(answer === number, `asked for ${number}, got ${answer}`)
}

/** Rows of several bytea values, each compared with what it must be. */
function demandValues(walk, rows, first, values) {
  walk.demand(rows.length === values.length, `${rows.length} rows instead of ${values.length}`)
  for (const [index, [id, body]] of rows.entries()) {
    walk.demand(id === first + index, `row ${index} has the number ${id}`)
    walk.demand(values[index].equals(body), `the value of row ${index} has changed`)
  }
}

function endByLimit(walk, side, sleepMs, timeoutMs) {
  const number = walk.nextNumber()
  const what = `sleep ${sleepMs} ms with a limit of ${timeoutMs}`
  let answer = null
  try {
    const values = [number, sleepMs / 1000]
    answer = walk.try(side, what, (con) =>
      con.fetchval('select %s::int from pg_sleep(%s)', values, 0, { timeout: timeoutMs }),
    )
  } catch (error) {
    if (!(error instanceof db.QueryTimeoutError)) throw error
    walk.tally.limits += 1
    // The limit may pass after the round trip that begins the transaction and before the statement.
    afterFailure(walk, side, 'in-transaction')
    return
  }
  walk.demand(answer === number, `${what}: asked for ${number}, got ${answer}`)
  walk.demandStatus(side, what, side.isAutocommit ? 'idle' : 'in-transaction')
}

/** Waits until the killed connection fails, and checks the error. `use` is a call on it. */
function awaitLoss(walk, side, use) {
  const deadlineMs = Date.now() + 20_000
  let first = null
  while (first === null) {
    walk.demand(Date.now() < deadlineMs, 'a killed connection goes on', 'untold')
    try {
      use()
    } catch (error) {
      if (!(error instanceof db.Error)) throw error
      first = error
    }
  }
  walk.box.note(side.index, `  ${first.name} ${first.sqlstate}: ${first.message.split('\n')[0]}`)
  walk.giveUpRows(side, FATE.rolledBack)
  const isTold = first instanceof db.OperationalError && typeof first.sqlstate === 'string'
  walk.demand(isTold, `a kill was told by ${first.name} ${first.sqlstate}: ${first.message}`, 'untold')
  const second = walk.fail(side, 'a call after the loss', (con) => con.fetchval('select 1'))
  walk.demand(second instanceof db.InterfaceError, `then by ${second.name}: ${second.message}`, 'untold')
  walk.demand(side.con.closed && side.con.info.status === 'closed', 'a lost connection is not closed', 'untold')
  walk.tally.kills += 1
  walk.replace(side)
}

/** Inserts a row of the ledger in a transaction of its own and commits it. If it throws, the row's fate is recorded. */
function commitOne(walk, side) {
  const row = walk.newRow(side)
  const isUnknown = side.isAutocommit
  if (isUnknown) walk.giveUpRows(side, FATE.unknown)
  walk.try(side, `insert row ${row}`, (con) => walk.insertRow(con, row))
  if (!isUnknown) walk.commit(side)
  walk.fates[row] = FATE.committed
}

export const ACTS = {
  select(walk, side) {
    for (let left = walk.random.between(1, 40); left > 0; left--) selectNumber(walk, side)
  },

  echo(walk, side) {
    const number = walk.nextNumber()
    const value = walk.forged.bytes()
    const [first, second] = walk.call(side, `echo ${value.length} bytes`, (con) =>
      con.fetchrow('select %s::int, %s::bytea', [number, value]),
    )
    walk.demand(first === number && value.equals(second), `${value.length} bytes of ${number} came back changed`)
  },

  echoText(walk, side) {
    const number = walk.nextNumber()
    const value = walk.forged.text()
    const [first, second] = walk.call(side, `echo ${value.length} characters`, (con) =>
      con.fetchrow('select %s::int, %s::text', [number, value]),
    )
    walk.demand(first === number && value === second, `${value.length} characters of ${number} came back changed`)
  },

  /** The answer is larger than the request. */
  stored(walk, side) {
    const number = walk.nextNumber()
    const id = walk.random.below(walk.values.length)
    const value = walk.values[id]
    const [first, second] = walk.call(side, `value ${id} of ${value.length} bytes`, (con) =>
      con.fetchrow('select %s::int, body from storm_value where id = %s', [number, id]),
    )
    walk.demand(first === number && value.equals(second), `value ${id}, asked with ${number}, has changed`)
  },

  storedMany(walk, side) {
    const from = walk.random.below(walk.values.length - 8)
    const count = walk.random.below(8)
    const rows = walk.call(side, `values from ${from}, ${count} of them`, (con) =>
      con.fetch('select id, body from storm_value where id >= %s and id < %s order by id', [from, from + count]),
    )
    demandValues(walk, rows, from, walk.values.slice(from, from + count))
  },

  rows(walk, side) {
    const count = Math.floor(2 ** (walk.random.below(1200) / 100))
    const rows = walk.call(side, `${count} rows`, (con) => con.fetch(ROWS, [count]))
    walk.demand(rows.length === count, `${rows.length} of ${count} rows`)
    demandRows(walk, rows, 1, 'rows')
  },

  prepared(walk, side) {
    const statement = walk.try(side, 'prepare', (con) => con.prepare('select $1::int + 1'))
    for (let left = walk.random.between(1, 5); left > 0; left--) {
      const number = walk.nextNumber()
      const answer = walk.call(side, `prepared ${number}`, () => statement.fetchval([number]))
      walk.demand(answer === number + 1, `a prepared statement gave ${answer} for ${number}`)
    }
    if (walk.random.chance(0.8)) walk.try(side, 'close the statement', () => statement.close())
  },

  script(walk, side) {
    const number = walk.nextNumber()
    const sql = `select ${number} as a; select ${number + 1} as b, 'x'; select ${number + 2}`
    const cursor = walk.call(side, `script ${number}`, (con) => con.execute(sql))
    for (let index = 0; index < 3; index++) {
      const value = cursor.fetchval()
      walk.demand(value === number + index, `result ${index} of a script is ${value}`)
      walk.demand(cursor.nextset() === (index < 2 ? true : null), 'another number of results')
    }
  },

  failure(walk, side) {
    const error = walk.fail(side, '1 / 0', (con) => con.fetchval('select 1 / (%s::int - %s::int)', [1, 1]))
    walk.demand(error.sqlstate === '22012', `another error: ${error.message}`)
    afterFailure(walk, side)
  },

  /** Many rows, and a failure behind them. */
  lateFailure(walk, side) {
    const rows = walk.random.between(1, 3000)
    const error = walk.fail(side, `failure after ${rows} rows`, (con) =>
      con.fetch('select 1 / (%s::int - i) from generate_series(1, %s::int) i', [rows, rows + 10]),
    )
    walk.demand(error.sqlstate === '22012', `another error: ${error.message}`)
    afterFailure(walk, side)
  },

  // ---- transactions and the ledger

  insert(walk, side) {
    if (side.isAutocommit) return commitOne(walk, side)
    for (let left = walk.random.between(1, 4); left > 0; left--) {
      const row = walk.newRow(side)
      walk.call(side, `insert row ${row}`, (con) => walk.insertRow(con, row))
      if (walk.random.chance(0.5)) ACTS.pollBetween(walk, side)
    }
    if (walk.random.chance(0.7)) walk.idle(side)
  },

  scope(walk, side) {
    walk.idle(side)
    const isKept = walk.random.chance(0.6)
    const row = walk.newRow(side)
    const body = (con) => {
      walk.insertRow(con, row)
      if (walk.random.chance(0.5)) walk.hear(side, con.poll())
      walk.demandStatus(side, 'inside a scope', 'in-transaction')
      if (!isKept) throw new db.Rollback()
    }
    walk.giveUpRows(side, FATE.unknown)
    walk.call(
      side,
      `scope with row ${row}, ${isKept ? 'kept' : 'undone'}`,
      (con) => con.transaction(() => body(con)),
      'idle',
    )
    walk.fates[row] = isKept ? FATE.committed : FATE.rolledBack
  },

  byHand(walk, side) {
    if (!side.isAutocommit) return ACTS.insert(walk, side)
    walk.call(side, 'begin', (con) => con.execute('begin'), 'in-transaction')
    const row = walk.newRow(side)
    walk.call(side, `insert row ${row}`, (con) => walk.insertRow(con, row), 'in-transaction')
    ACTS.pollBetween(walk, side)
    if (walk.random.chance(0.5)) walk.commit(side)
    else walk.rollback(side)
  },

  /** Reads a row of the ledger, mostly from another connection than the one that made it. */
  look(walk, side) {
    if (walk.fates.length === 0) return
    const row = walk.random.below(walk.fates.length)
    const fate = walk.fates[row]
    const sql = 'select count(*)::int from storm_ledger where owner = %s and n = %s'
    const count = walk.call(side, `look at row ${row}`, (con) => con.fetchval(sql, [walk.owner, row]))
    if (fate === FATE.committed) walk.demand(count === 1, `row ${row} was committed, and is not there`)
    if (fate === FATE.rolledBack) walk.demand(count === 0, `row ${row} was rolled back, and is there`)
  },

  /** `poll()` or a refused `notifies()`, also in a transaction or a cursor. The status must not change. */
  pollBetween(walk, side) {
    const { status } = side.con.info
    if (status === 'idle' || walk.random.chance(0.6)) {
      walk.hear(
        side,
        walk.call(side, 'poll between', (con) => con.poll(), status),
      )
      return
    }
    const error = walk.fail(side, 'notifies between', (con) => [...con.notifies({ timeout: 1 })])
    walk.demand(error instanceof db.ProgrammingError, `notifies in a transaction: ${error.message}`)
    walk.demandStatus(side, 'notifies between', status)
  },

  // ---- notifications and notices

  notify(walk, side) {
    walk.idle(side)
    const payloads = Array.from({ length: walk.random.chance(0.8) ? 1 : walk.random.between(2, 60) }, () =>
      walk.nextPayload(),
    )
    const numberOfLast = walk.saidCount
    walk.call(side, `notify ${payloads[0]} … ${numberOfLast}`, (con) =>
      con.fetch("select pg_notify('storm', payload) from unnest(%s::text[]) payload", [payloads]),
    )
    if (!side.isAutocommit) {
      if (walk.random.chance(0.2)) return walk.rollback(side)
      walk.commit(side)
    }
    walk.saidSurely = numberOfLast
  },

  poll(walk, side) {
    if (!side.isListening) return selectNumber(walk, side)
    // The server gives a connection all notifications before it says that it is ready again.
    selectNumber(walk, side)
    walk.hear(
      side,
      walk.call(side, 'poll', (con) => con.poll()),
    )
    walk.demandHeard(side)
  },

  notifies(walk, side) {
    walk.idle(side)
    const options = { timeout: walk.random.below(15), stopAfter: walk.random.between(1, 5) }
    walk.hear(
      side,
      walk.call(side, `notifies for ${options.timeout} ms`, (con) => [...con.notifies(options)], 'idle'),
    )
  },

  notice(walk, side) {
    const number = walk.nextNumber()
    const count = walk.random.between(1, 12)
    const size = walk.random.pick([0, 5, 100, 4096, 16_384])
    side.notices = []
    const answer = walk.call(side, `${count} notices of ${size}`, (con) =>
      con.fetchval('select storm_say(%s, %s, %s)', [number, count, size]),
    )
    walk.demand(answer === number, `asked for ${number}, got ${answer}`)
    const wanted = Array.from({ length: count }, (_, index) => `${number} ${index + 1} ${'x'.repeat(size)}`)
    const isSame = side.notices.length === count && wanted.every((text, index) => text === side.notices[index])
    walk.demand(isSame, `${side.notices.length} of ${count} notices: ${side.notices[0]}`, 'noticeFaults')
  },

  noticeThrows(walk, side) {
    side.onNotice = () => {
      throw new ListenerError('the listener has had enough')
    }
    const count = walk.random.between(1, 5)
    const error = walk.fail(side, 'a listener throws', (con) => con.fetchval('select storm_say(%s, %s, 0)', [1, count]))
    side.onNotice = null
    walk.demand(error instanceof ListenerError, `a listener threw, and the call failed with ${error.message}`)
    afterFailure(walk, side, 'in-transaction')
    selectNumber(walk, side)
  },

  noticeCloses(walk, side) {
    const number = walk.nextNumber()
    const refusals = []
    const refuse = (body) => {
      try {
        body()
        refusals.push(false)
      } catch (error) {
        refusals.push(error instanceof db.InterfaceError)
      }
    }
    side.onNotice = () => {
      refuse(() => side.con.close())
      refuse(() => side.con.fetchval('select 1'))
    }
    const answer = walk.call(side, 'a listener closes', (con) => con.fetchval('select storm_say(%s, 1, 0)', [number]))
    side.onNotice = null
    walk.demand(answer === number, `asked for ${number}, got ${answer}`)
    walk.demand(refusals.length === 2 && refusals.every(Boolean), 'a listener was not refused')
  },

  noticeCancels(walk, side) {
    side.onNotice = () => side.con.cancel()
    const error = walk.fail(side, 'a listener cancels', (con) => con.fetchval('select storm_say_and_sleep(1)'))
    side.onNotice = null
    walk.demand(error.sqlstate === '57014', `a listener cancelled, and the call failed with ${error.message}`)
    walk.tally.cancels += 1
    afterFailure(walk, side)
  },

  // ---- limits and cancels

  limit(walk, side) {
    endByLimit(walk, side, 5000, walk.random.between(1, 15))
  },

  limitRaces(walk, side) {
    const timeoutMs = walk.random.between(1, 8)
    endByLimit(walk, side, Math.max(0, timeoutMs + walk.random.between(-3, 1)), timeoutMs)
  },

  cancel(walk, side) {
    walk.ask({ kind: 'cancel', token: side.con.cancelToken(), delayMs: walk.random.below(8) })
    const isLong = walk.random.chance(0.5)
    const cancelId = walk.helperId
    do {
      const number = walk.nextNumber()
      const seconds = isLong ? walk.random.below(12) / 1000 : 0
      const sql = isLong ? 'select %s::int from pg_sleep(%s)' : 'select %s::int where %s = 0'
      let answer = null
      try {
        answer = walk.try(side, `${sql} that may be cancelled`, (con) => con.fetchval(sql, [number, seconds]))
      } catch (error) {
        if (error.sqlstate !== '57014') throw error
        walk.tally.cancels += 1
        afterFailure(walk, side)
        continue
      }
      walk.demand(answer === number, `asked for ${number}, got ${answer}`)
    } while (Atomics.load(walk.helperDone, 0) < cancelId)
    walk.awaitHelper()
    selectNumber(walk, side)
  },

  /** The token of a closed connection cancels nothing, even if another connection has its memory now. */
  staleToken(walk, side) {
    const own = new Set(walk.sides.map(({ con }) => con?.cancelToken().number))
    const stale = walk.tokens.filter(({ number }) => !own.has(number))
    if (stale.length === 0) return
    walk.ask({ kind: 'cancel', token: walk.random.pick(stale), delayMs: walk.random.below(3) })
    do selectNumber(walk, side)
    while (Atomics.load(walk.helperDone, 0) < walk.helperId)
    selectNumber(walk, side)
  },

  // ---- much data

  many(walk, side) {
    const elements = Array.from({ length: walk.random.between(1, 200) }, (_, index) => [
      index,
      walk.forged.bytes(walk.random.below(200)),
    ])
    withTable(walk, side, `executemany of ${elements.length}`, (con) => {
      const numbers = con.fetchmany('insert into storm_own values (%s, %s) returning n', elements)
      walk.demand(
        numbers.length === elements.length && numbers.every(([number], index) => number === index),
        'other rows of a batch',
      )
      const rows = con.fetch('select n, body from storm_own order by n')
      demandValues(
        walk,
        rows,
        0,
        elements.map(([, body]) => body),
      )
    })
  },

  copyIn(walk, side) {
    const values = Array.from({ length: walk.random.between(0, 60) }, () =>
      walk.forged.bytes(walk.random.pick([0, 5, 100, 4096, 20_000])),
    )
    const stopAt = walk.random.chance(0.2) ? walk.random.below(60) : Infinity
    function* records() {
      for (const [index, value] of values.entries()) {
        if (index === stopAt) throw new ListenerError('the source has had enough')
        yield [index, value]
      }
    }
    const isWhole = stopAt >= values.length
    withTable(walk, side, `copy of ${values.length} values in, ${isWhole ? 'whole' : 'cut'}`, (con) => {
      let count = -1
      try {
        count = con.copyRecordsToTable('storm_own', { schema: 'pg_temp', records: records() })
      } catch (error) {
        if (!(error instanceof ListenerError) || isWhole) throw error
        // The COPY starts on the server with the first 256 kB of encoded records. Before that a source that fails leaves
        // the transaction as it was.
        const sentBytes = values.slice(0, stopAt).reduce((sum, value) => sum + 14 + value.length, 19)
        walk.demandStatus(side, 'after a COPY that was cut', sentBytes < 256 * 1024 ? 'in-transaction' : 'failed')
        if (sentBytes < 256 * 1024) demandValues(walk, con.fetch('select n, body from storm_own'), 0, [])
        return
      }
      walk.demand(isWhole && count === values.length, `${count} of ${values.length} records`)
      demandValues(walk, con.fetch('select n, body from storm_own order by n'), 0, values)
    })
  },

  copyOut(walk, side) {
    const count = walk.random.below(walk.values.length)
    const most = walk.random.chance(0.4) ? walk.random.below(10) : Infinity
    const sql = `copy (select id, body from storm_value where id < ${count} order by id) to stdout (format binary)`
    const what = `copy of ${count} values out, ${most} read`
    walk.try(side, what, (con) =>
      con.cursor().copy(sql, (copy) => {
        const rows = []
        if (most > 0) {
          for (const row of copy.rows()) {
            rows.push(row)
            if (rows.length >= most) break
          }
        }
        demandValues(walk, rows, 0, walk.values.slice(0, Math.min(count, most)))
      }),
    )
    // A COPY that is not read to its end is cancelled, unless all of it had been sent. The cancel makes its transaction
    // fail.
    if (side.isAutocommit || most === Infinity) {
      walk.demandStatus(side, what, side.isAutocommit ? 'idle' : 'in-transaction')
    } else {
      walk.demandStatus(side, what, 'in-transaction', 'failed')
      walk.rollback(side)
    }
  },

  cursor(walk, side) {
    const count = walk.random.between(1, 3000)
    undone(walk, side, `named cursor over ${count} rows`, (con) => {
      const cursor = con.cursor(`storm_${walk.serial++}`, { itersize: walk.random.between(1, 500) })
      cursor.execute(ROWS, [count])
      let at = 1
      for (let left = walk.random.between(0, 6); left > 0; left--) {
        const rows = cursor.fetchmany(walk.random.between(1, 300))
        demandRows(walk, rows, at, 'named cursor')
        at += rows.length
        const number = walk.nextNumber()
        walk.demand(con.fetchval('select %s::int', [number]) === number, 'another answer beside a cursor')
      }
      if (walk.random.chance(0.5)) cursor.close()
    })
    selectNumber(walk, side)
  },

  stream(walk, side) {
    const count = walk.random.between(1, 3000)
    const most = walk.random.chance(0.6) ? walk.random.between(1, 1000) : Infinity
    undone(walk, side, `stream of ${count} rows, ${most} read`, (con) => {
      let at = 1
      for (const row of con.cursor().stream(ROWS, [count], { size: walk.random.between(1, 400) })) {
        walk.demand(row[0] === at && row[1] === 2 * at, 'another row of a stream')
        if (walk.random.chance(0.002)) {
          const number = walk.nextNumber()
          walk.demand(con.fetchval('select %s::int', [number]) === number, 'another answer beside a stream')
        }
        if (at++ === most) break
      }
      walk.demand(at > most || at === count + 1, `a stream ended after ${at - 1} of ${count} rows`)
    })
    selectNumber(walk, side)
  },

  // ---- connections come and go

  reset(walk, side) {
    walk.idle(side)
    walk.call(side, 'reset', (con) => con.reset(), 'idle')
    // Notifications that arrived before are still there.
    walk.hear(
      side,
      walk.call(side, 'poll after a reset', (con) => con.poll(), 'idle'),
    )
    side.isListening = false
    if (side.isAutocommit && walk.random.chance(0.5)) walk.listen(side)
  },

  ping(walk, side) {
    walk.call(side, 'ping', (con) => con.ping(), side.con.info.status)
  },

  reopen(walk, side) {
    walk.replace(side)
    selectNumber(walk, side)
  },

  gone(walk, side) {
    walk.idle(side)
    walk.demandGone(side)
  },

  /** The backend is ended while the connection is idle, or in an open transaction. */
  kill(walk, side) {
    side.isKilled = true
    walk.ask({ kind: 'kill', pid: side.pid, delayMs: 0 })
    walk.awaitHelper()
    walk.box.note(side.index, 'killed')
    awaitLoss(walk, side, () => selectNumber(walk, side))
  },

  /** The backend is ended in the middle of calls, or of commits. */
  killSoon(walk, side) {
    walk.idle(side)
    side.isKilled = true
    walk.ask({ kind: 'kill', pid: side.pid, delayMs: walk.random.below(20) })
    const isCommitting = walk.random.chance(0.7)
    awaitLoss(walk, side, () => (isCommitting ? commitOne(walk, side) : selectNumber(walk, side)))
    walk.awaitHelper()
  },

  /** The backend is ended in the middle of a COPY. */
  killInCopy(walk, side) {
    walk.idle(side)
    side.isKilled = true
    const value = walk.forged.bytes(5000)
    function* records() {
      for (let index = 0; ; index++) {
        if (index === 20) {
          walk.ask({ kind: 'kill', pid: side.pid, delayMs: 0 })
          walk.awaitHelper()
        }
        yield [index, value]
      }
    }
    awaitLoss(walk, side, () =>
      walk.try(side, 'copy into a backend that is killed', (con) =>
        con.transaction(() => {
          con.execute('create temporary table storm_killed (n int, body bytea)')
          con.copyRecordsToTable('storm_killed', { schema: 'pg_temp', records: records() })
        }),
      ),
    )
  },

  /** The program loses a connection without closing it. */
  async drop(walk, side) {
    walk.idle(side)
    if (!side.isAutocommit) {
      const row = walk.newRow(side)
      walk.call(side, `insert row ${row}, to be dropped`, (con) => walk.insertRow(con, row))
    }
    walk.giveUpRows(side, FATE.rolledBack)
    const dropped = { ref: new WeakRef(side.con), name: side.name }
    side.con = null
    walk.dropped.push(dropped)
    walk.open(side)
    await collect(walk)
  },

  async pause(walk) {
    const ms = walk.random.pick([0, 1, 30, 60, 150])
    await new Promise((resolve) => setTimeout(resolve, ms))
  },

  /** Blocks the thread, as a long computation does. */
  freeze(walk) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, walk.random.pick([1, 24, 26, 49, 51, 100]))
  },

  tear,
  tearConnect,
  tearReconnect,
}

/** Collects the garbage. Dropped connections that are collected are closed, and must leave the server. */
async function collect(walk) {
  for (let tries = 0; tries < 3 && walk.dropped.some(({ ref }) => ref.deref() !== undefined); tries++) {
    await turn()
    collectGarbage()
  }
  // The registry calls back in a task of its own.
  await turn()
  await turn()
  for (const { ref, name } of walk.dropped) {
    if (ref.deref() === undefined) walk.closed.push({ name, atMs: Date.now() })
  }
  const before = walk.dropped.length
  walk.dropped = walk.dropped.filter(({ ref }) => ref.deref() !== undefined)
  walk.tally.collected += before - walk.dropped.length
}

/** Cheap acts come often. */
const WEIGHTS = {
  select: 120,
  echo: 60,
  echoText: 25,
  stored: 50,
  storedMany: 12,
  rows: 12,
  prepared: 10,
  script: 12,
  failure: 15,
  lateFailure: 4,
  insert: 40,
  scope: 15,
  byHand: 10,
  look: 25,
  pollBetween: 12,
  notify: 20,
  poll: 25,
  notifies: 4,
  notice: 12,
  noticeThrows: 3,
  noticeCloses: 3,
  noticeCancels: 2,
  limit: 3,
  limitRaces: 4,
  cancel: 5,
  staleToken: 3,
  many: 4,
  copyIn: 4,
  copyOut: 3,
  cursor: 4,
  stream: 4,
  reopen: 3,
  gone: 1,
  kill: 2,
  killSoon: 2,
  killInCopy: 1,
  reset: 3,
  ping: 6,
  drop: 1,
  pause: 2,
  freeze: 3,
  tear: 6,
  tearConnect: 1,
  tearReconnect: 1,
}
export const DECK = Object.entries(WEIGHTS).flatMap(([name, weight]) => Array.from({ length: weight }, () => name))
