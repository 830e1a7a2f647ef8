/**
 * Names that people know from psycopg, `pg` and other drivers, and what to write here instead. The guides `psycopg.md`
 * and `coming-from-pg.md` have them in tables.
 */

/** The hint for each name. The names have no capitals, underscores and dashes. */
type Habits = Readonly<Record<string, string>>

const NO_PROXY = 'a connection has no events of its own: '
const QUOTING = { escapeidentifier: 'use quoteIdentifier(name)', escapeliteral: 'use quoteLiteral(value)' }
const PREPARING = 'statements are prepared automatically: see the option statementCacheSize of connect'
const TYPES = "use con.setTypeCodec(name, { decoder, encoder }), or the option types: { int8: 'number' }"

/** The habits for connections of both APIs. */
const CONNECTION: Habits = {
  ...QUOTING,
  rowfactory: 'use the option rowFactory, of connect, of a cursor or of a call',
  preparethreshold: PREPARING,
  preparedmax: PREPARING,
  timeout: 'use commandTimeout, or timeout in the options of a call',
  querytimeout: 'use commandTimeout, or timeout in the options of a call',
  statementtimeout: 'use commandTimeout, or timeout in the options of a call',
  setclientencoding: 'text is always sent as UTF-8',
  clientencoding: 'text is always sent as UTF-8',
  encoding: 'text is always sent as UTF-8',
  adapters: TYPES,
  settypeparser: TYPES,
  end: 'use close()',
  connect: 'connect(dsn) returns an open connection',
  begin: 'use transaction(fn): it commits when the function returns, and rolls back when it throws',
  lobject: 'use the functions of SQL for large objects: lo_from_bytea, lo_get, lo_put',
  status: 'use transactionStatus',
  getparameterstatus: 'use parameter(name)',
  gettransactionstatus: 'use transactionStatus',
}

/** The habits for each class. `blocking` and `async` are the classes `Connection` of the two APIs. */
const BY_KIND: Readonly<Record<string, Habits>> = {
  blocking: {
    ...CONNECTION,
    setsession: 'set con.isolationLevel, con.readOnly, con.deferrable and con.autocommit',
    setisolationlevel: "set con.isolationLevel = 'serializable', between transactions",
    notices: 'messages has the notices of the last call, and addNoticeListener(fn) gets each notice',
    addnotifyhandler: 'read notifications in a loop: for (const { channel, payload } of con.notifies())',
    addnoticehandler: 'use addNoticeListener(fn)',
    on: `${NO_PROXY}read notifications with con.notifies(), notices with con.addNoticeListener(fn)`,
    pipeline: "executemany and fetchmany send many elements in few round trips; pipelines are in 'syncpg/async'",
    copyfrom: 'use con.copyToTable(table, { source }), or cursor.copy(sql, fn)',
    copyto: 'use con.copyFromTable(table, { output }), or cursor.copy(sql, fn)',
    serverversion: 'use con.info.serverVersion',
    getbackendpid: 'use con.info.backendPid',
    processid: 'use con.info.backendPid',
    dsn: 'con.info has host, port, user and database',
    pgconn: 'this client does not use libpq; see con.info',
    broken: 'use closed',
    release: 'use close()',
    isclosed: 'use closed',
  },
  async: {
    ...CONNECTION,
    autocommit:
      'the connection is always in autocommit: a statement is a transaction of its own, unless it runs in transaction(fn)',
    commit: 'use transaction(fn), or an object: const tx = con.transaction(); await tx.start(); await tx.commit()',
    rollback: 'use transaction(fn), or an object: const tx = con.transaction(); await tx.start(); await tx.rollback()',
    on: `${NO_PROXY}addListener(channel, fn) is for notifications, addLogListener(fn) for notices, addTerminationListener(fn) for the end`,
    once: `${NO_PROXY}addListener(channel, fn) is for notifications, addTerminationListener(fn) for the end`,
    release: 'use pool.release(connection); pool.withConnection(fn) releases by itself',
    done: 'use pool.release(connection); pool.withConnection(fn) releases by itself',
    processid: 'use backendPid',
    queryrow: 'use fetchrow(sql, values)',
    serverversion: 'use getServerVersion()',
  },
  Cursor: {
    rowfactory: 'use the option rowFactory, of connect, of a cursor or of a call',
    itersize: 'use the option of a named cursor: cursor(name, { itersize })',
    mogrify: 'values are not put into the text; for statements that take no parameters format(text, …values) does that',
    copyfrom: 'use con.copyToTable(table, { source }), or cursor.copy(sql, fn)',
    copyto: 'use con.copyFromTable(table, { output }), or cursor.copy(sql, fn)',
    copyexpert: 'use cursor.copy(sql, fn)',
    0: 'fetchall() returns an array of rows, fetchone() one row',
    rows: 'fetchall() returns them; con.query(sql) returns { rows, rowCount }',
    read: 'use fetch(count), or a loop: for await (const row of con.cursor(sql))',
  },
  Pool: {
    end: 'use close()',
    connect: 'use acquire() and then pool.release(connection), or pool.withConnection(fn)',
    getconn: 'use acquire()',
    putconn: 'use release(connection)',
    getconnection: 'use acquire()',
    connection: 'use withConnection(fn)',
    on: 'a pool has no events: errors of background work go to the option onError',
    once: 'a pool has no events: errors of background work go to the option onError',
    totalcount: 'use getSize()',
    idlecount: 'use getIdleSize()',
    waitingcount: 'use getWaitingCount()',
    getstats: 'see getSize(), getIdleSize() and getWaitingCount()',
    transaction: 'a transaction needs one connection: pool.withConnection((con) => con.transaction(fn))',
    listen: 'acquire a connection, or use listen(channels), which goes on after a lost connection',
  },
  QueryResult: {
    fields: 'use columns',
    command: "use the first word of tag, which is 'INSERT 0 1' for example",
    0: 'the property rows has the rows',
    map: 'the property rows has the rows',
  },
  CopyStream: {
    end: 'the COPY ends when the function returns',
    setformat: 'write the format into the text of the COPY',
  },
  ConnectionInfo: {
    transactionstatus: 'use status',
    dbname: 'use database',
    parameterstatus: 'use parameter(name)',
    getparameters: 'use parameter(name)',
    pid: 'use backendPid',
  },
}

/** Options of calls in other drivers. `name` is the option here; the hint is given only for methods that have it. */
const OPTIONS: Readonly<Record<string, { readonly name?: string; readonly words?: string }>> = {
  forcerollback: { words: 'to undo what the function did, throw new Rollback(value) at its end' },
  savepointname: { words: 'a transaction inside another is a savepoint, and has a name of its own' },
  isolationlevel: { name: 'isolation' },
  scrollable: { name: 'scroll' },
  scroll: { name: 'scrollable' },
  withhold: { name: 'hold' },
  arraysize: { name: 'itersize' },
  fetchsize: { name: 'prefetch' },
  highwatermark: { name: 'prefetch' },
  batchsize: { name: 'prefetch' },
  rowmode: { name: 'rowFactory', words: "use rowFactory: 'array'" },
  querytimeout: { name: 'timeout' },
  statementtimeout: { name: 'timeout' },
  abortsignal: { name: 'signal' },
  binary: { words: 'values are sent in binary whenever the driver knows their type' },
  name: { words: 'prepare(sql, { name }) names a statement; other statements are prepared automatically' },
}

/** The hint for an option that a method does not have; null if no driver is known to have it. */
export function optionHabit(name: string, known: ReadonlyMap<string, unknown>): string | null {
  const plain = plainName(name)
  const habit = Object.hasOwn(OPTIONS, plain) ? OPTIONS[plain] : undefined
  if (habit === undefined) return null
  if (habit.name !== undefined && !known.has(habit.name)) return null
  return habit.words ?? `use ${habit.name}`
}

/** A name without case, underscores and dashes: `fetch_all`, `fetchAll` and `fetchall` are one. */
export function plainName(name: string): string {
  return name.slice(0, 64).toLowerCase().replaceAll(/[_-]/g, '')
}

/** The hint for a property that a class does not have; null if no driver is known to have it. */
export function propertyHabit(kind: string, name: string): string | null {
  const habits = BY_KIND[kind]
  const plain = plainName(name)
  return habits !== undefined && Object.hasOwn(habits, plain) ? (habits[plain] ?? null) : null
}
