/**
 * One thread's walk: its connections, its knowledge about each of them, and the making and checking of calls. The calls
 * themselves are in acts.mjs. The same seed gives the same walk, but the timing depends on the machine.
 */
import { Worker } from 'node:worker_threads'

// This import comes before all imports that load syncpg.
import { afterCall, answered, beforeCall } from './call-counter.mjs'
import * as db from 'syncpg'
import { ACTS, DECK, recover } from './acts.mjs'
import { BlackBox } from './black-box.mjs'
import { FATE } from './fate.mjs'
import { ForgedBytes, storedValues } from './forged-bytes.mjs'
import { Random, seedOf } from './random.mjs'
import { Fault, newTally } from './tally.mjs'
import { collectGarbage, turn } from './turns.mjs'

/** A server ends a session within this time after its connection is closed. */
const CLOSED_MS = 2000
const MOST_FAILURES = 20
const MOST_TOKENS = 40
/** The share of the calls after which the memory is measured for the first time. */
const WARM_SHARE = 0.3
const RING_BYTES = [4096, 16_384, 65_536, undefined]

/** A connection, with the walk's knowledge about it. */
function newSide(index) {
  return {
    index,
    con: null,
    name: '',
    pid: 0,
    isAutocommit: true,
    isListening: false,
    /** A call was interrupted, and no call has been made since. */
    isTorn: false,
    /** Its backend has been ended, or will be in a moment. */
    isKilled: false,
    /** Rows of the ledger that the open transaction has inserted. */
    openRows: [],
    /** Owner of a walk → number of the last notification heard of it. */
    heard: new Map(),
    /** Notices heard since the last check. */
    notices: [],
    onNotice: null,
  }
}

export class Walk {
  constructor({ owner, seed, label, dsns, connections, calls, untilMs, boxMemory }) {
    this.owner = owner
    this.random = new Random(seedOf(seed, owner))
    this.forged = new ForgedBytes(this.random)
    this.values = storedValues(seed)
    this.label = label
    this.dsns = dsns
    this.quota = calls
    this.untilMs = untilMs
    this.box = new BlackBox(boxMemory)
    this.tally = newTally()
    this.sides = Array.from({ length: connections }, (_, index) => newSide(index))
    /** Fates of the rows of the ledger, by number. */
    this.fates = []
    /** Notifications: the number of the last one, and of the last one that is certainly committed. */
    this.saidCount = 0
    this.saidSurely = 0
    this.number = 0
    this.serial = 0
    /** Sessions that were closed, and when. */
    this.closed = []
    this.dropped = []
    /** Closed connections that must not be collected as garbage. */
    this.kept = []
    /** Tokens of connections, some of which are closed by now. */
    this.tokens = []
    this.helperDone = new Int32Array(new SharedArrayBuffer(4)).fill(-1)
    this.helperId = 0
  }

  async run() {
    this.helper = new Worker(new URL('./helper.mjs', import.meta.url), {
      workerData: { dsn: this.dsns.unix, shared: this.helperDone.buffer },
    })
    while (Atomics.load(this.helperDone, 0) < 0) await new Promise((resolve) => setTimeout(resolve, 5))
    for (const side of this.sides) this.open(side)
    for (let acts = 1; !this.isOver; acts++) {
      await this.#act()
      // The event loop turns now and then, but most calls follow one another without it, as in a script.
      if (acts % 64 === 0) await turn()
      if (this.tally.rssEarlyMb === 0 && this.box.calls > this.quota * WARM_SHARE) this.tally.rssEarlyMb = rssMb()
    }
    await this.#finish()
    return { tally: { ...this.tally, calls: this.box.calls, ...answered }, fates: this.fates.join('') }
  }

  get isOver() {
    return this.box.calls >= this.quota || Date.now() > this.untilMs || this.tally.reports.length > MOST_FAILURES
  }

  async #act() {
    const side = this.random.pick(this.sides)
    const name = this.random.pick(DECK)
    this.tally.acts[name] = (this.tally.acts[name] ?? 0) + 1
    try {
      if (side.isTorn) await recover(this, side)
      this.box.note(side.index, `act ${name}`)
      const later = ACTS[name](this, side)
      if (later !== undefined) await later
    } catch (error) {
      this.report(side, name, error)
    }
  }

  // ---- calls

  /** Makes a call that may fail. */
  try(side, what, body) {
    const { box } = this
    beforeCall()
    box.begin(side.index, what)
    const startedMs = performance.now()
    try {
      return body(side.con)
    } finally {
      box.end()
      afterCall()
      const ms = performance.now() - startedMs
      if (ms > this.tally.longestMs) {
        this.tally.longestMs = ms
        this.tally.longestCall = `${what}, connection ${side.index} of ${this.label}`
      }
    }
  }

  /** Makes a call that must answer, and compares the transaction status afterwards. */
  call(side, what, body, status = side.isAutocommit ? 'idle' : 'in-transaction') {
    const answer = this.try(side, what, body)
    this.demandStatus(side, what, status)
    return answer
  }

  /** Makes a call that must fail. @returns its error */
  fail(side, what, body) {
    try {
      this.try(side, what, body)
    } catch (error) {
      if (!(error instanceof db.Error) && error.isOfListener !== true) throw error
      this.box.note(side.index, `  ${error.name} ${error.sqlstate ?? ''}: ${error.message.split('\n')[0]}`)
      return error
    }
    throw new Fault('wrong', `${what}: no failure where there must be one`)
  }

  demandStatus(side, what, ...wanted) {
    const { status } = side.con.info
    // A killed connection may be lost after its answer and before this check.
    if (status === 'closed' && side.isKilled) return
    if (!wanted.includes(status))
      throw new Fault('wrong', `${what}: status ${status} instead of ${wanted.join(' or ')}`)
  }

  demand(isTrue, what, kind = 'wrong') {
    if (!isTrue) throw new Fault(kind, what)
  }

  /** A number that only one call asks for. */
  nextNumber() {
    this.number += 1
    return this.number * 64 + (this.owner % 64)
  }

  /** Counts a failed check, prints what led to it, and puts a new connection in the place of the old one. */
  report(side, act, error) {
    const isClosed = side.con?.closed === true
    const kind = error instanceof Fault ? error.kind : isClosed ? 'lost' : 'unexpected'
    this.tally.faults[kind] += 1
    const events = this.box.lastEvents(side.index).map((line) => `\n    ${line}`)
    const text = error instanceof db.Error || error instanceof Fault ? `${error.name}: ${error.message}` : error.stack
    const report = `${kind} in ${this.label}, thread ${this.owner}, connection ${side.index} (${side.name}), act ${act}:\n  ${text} ${error.sqlstate ?? ''}\n  its last events:${events.join('')}`
    this.tally.reports.push(report)
    process.stderr.write(`${report}\n`)
    this.giveUpRows(side, FATE.unknown)
    this.replace(side)
  }

  // ---- connections

  open(side) {
    const { random } = this
    const transport = random.pick(['unix', 'unix', 'unix', 'unix', 'tcp', 'tcp', 'tcp', 'tcp', 'tls'])
    const ringBytes = random.pick(RING_BYTES)
    side.isAutocommit = random.chance(0.5)
    side.name = `storm ${this.owner} ${this.serial++}`
    const options = { autocommit: side.isAutocommit, applicationName: side.name, ...(ringBytes && { ringBytes }) }
    side.con = this.try(side, `connect ${transport} ring ${ringBytes} ${side.name}`, () =>
      db.connect(this.dsns[transport], options),
    )
    this.tally.connects += 1
    this.tokens.push(side.con.cancelToken())
    if (this.tokens.length > MOST_TOKENS) this.tokens.shift()
    side.pid = side.con.info.backendPid
    side.isTorn = false
    side.isKilled = false
    side.isListening = false
    side.openRows = []
    side.notices = []
    side.onNotice = null
    side.con.addNoticeListener((notice) => {
      side.notices.push(notice.primaryMessage)
      side.onNotice?.(notice)
    })
    if (side.isAutocommit && random.chance(this.sides.length > 8 ? 0.2 : 0.6)) this.listen(side)
  }

  listen(side) {
    this.call(side, 'listen', (con) => con.listen('storm'))
    side.isListening = true
    side.heard = new Map([[this.owner, this.saidSurely]])
  }

  /** Closes the connection, also in a transaction or a cursor. */
  close(side) {
    const { con } = side
    if (con === null) return
    this.giveUpRows(side, FATE.rolledBack)
    this.try(side, 'close', () => con[Symbol.dispose]())
    this.closed.push({ name: side.name, atMs: Date.now() })
    side.con = null
  }

  replace(side) {
    this.close(side)
    this.open(side)
  }

  // ---- the ledger

  newRow(side) {
    const number = this.fates.length
    this.fates.push(FATE.open)
    side.openRows.push(number)
    return number
  }

  /** The transaction has ended, and its rows have this fate. */
  giveUpRows(side, fate) {
    for (const number of side.openRows) this.fates[number] = fate
    side.openRows = []
  }

  insertRow(con, number) {
    con.execute('insert into storm_ledger values (%s, %s)', [this.owner, number])
  }

  /** Ends an open transaction. */
  idle(side) {
    if (side.isAutocommit || side.con.info.status === 'idle') return
    if (this.random.chance(0.7)) this.commit(side)
    else this.rollback(side)
  }

  commit(side) {
    const rows = side.openRows
    this.giveUpRows(side, FATE.unknown)
    this.call(side, 'commit', (con) => con.commit(), 'idle')
    for (const number of rows) this.fates[number] = FATE.committed
  }

  rollback(side) {
    this.giveUpRows(side, FATE.rolledBack)
    this.call(side, 'rollback', (con) => con.rollback(), 'idle')
  }

  // ---- notifications

  /** The payload has the sender, the number, and the number of the last one before it that was certainly sent. */
  nextPayload() {
    this.saidCount += 1
    return `${this.owner} ${this.saidCount} ${this.saidSurely}`
  }

  hear(side, notices) {
    for (const { channel, payload } of notices) {
      const [owner, number, before] = payload.split(' ').map(Number)
      this.demand(channel === 'storm' && before < number, `notification ${channel} "${payload}" was never sent`)
      this.tally.heard += 1
      const last = side.heard.get(owner)
      side.heard.set(owner, Math.max(last ?? 0, number))
      if (last === undefined) continue
      if (number <= last) throw new Fault('doubled', `heard "${payload}" after number ${last} of the same sender`)
      if (before > last) throw new Fault('missed', `heard "${payload}", and before it only number ${last}`)
    }
  }

  /** All notifications that this thread's own connections have sent must have arrived. */
  demandHeard(side) {
    const last = side.heard.get(this.owner)
    if (last >= this.saidSurely) return
    const isLate = [...side.con.notifies({ timeout: 2000 })].some(({ payload }) => payload.startsWith(`${this.owner} `))
    const wanted = this.saidSurely
    throw new Fault('missed', `heard up to ${last} of ${wanted} notifications${isLate ? '; some came later' : ''}`)
  }

  // ---- the third thread

  ask(message) {
    this.helperId += 1
    this.helper.postMessage({ ...message, id: this.helperId })
    return this.helperId
  }

  awaitHelper() {
    const deadlineMs = Date.now() + 20_000
    for (;;) {
      const done = Atomics.load(this.helperDone, 0)
      if (done === this.helperId) return
      if (Date.now() > deadlineMs) throw new Error('the helper does not answer')
      Atomics.wait(this.helperDone, 0, done, 100)
    }
  }

  // ---- sessions that have been closed

  /** Asks the server for sessions that should be gone. */
  demandGone(side) {
    const dueMs = Date.now() - CLOSED_MS
    const due = this.closed.filter(({ atMs }) => atMs < dueMs)
    this.closed = this.closed.filter(({ atMs }) => atMs >= dueMs)
    const names = due.map(({ name }) => name)
    const left = this.call(side, `look for ${names.length} closed sessions`, (con) =>
      con.fetch('select application_name, state, query from pg_stat_activity where application_name = any(%s)', [
        names,
      ]),
    )
    for (const [name, state, query] of left) {
      const { atMs } = due.find((each) => each.name === name)
      throw new Fault(
        'outlived',
        `session "${name}" is on the server ${Date.now() - atMs} ms after its close: ${state} ${query}`,
      )
    }
  }

  // ---- the end

  async #finish() {
    this.tally.rssMb = rssMb()
    for (const side of this.sides) {
      try {
        if (side.isTorn) await recover(this, side)
        this.idle(side)
        if (side.isListening) ACTS.poll(this, side)
      } catch (error) {
        this.report(side, 'finish', error)
      }
      this.close(side)
    }
    for (let tries = 0; this.dropped.some(({ ref }) => ref.deref() !== undefined) && tries < 50; tries++) {
      await turn()
      collectGarbage()
    }
    await turn()
    for (const fate of this.fates) {
      if (fate === FATE.committed) this.tally.committed += 1
      else if (fate === FATE.rolledBack) this.tally.rolledBack += 1
      else this.tally.unknown += 1
    }
    this.ask({ kind: 'end', delayMs: 0 })
    await new Promise((resolve) => this.helper.once('exit', resolve))
  }
}

const rssMb = () => Math.round(process.memoryUsage.rss() / 2 ** 20)
