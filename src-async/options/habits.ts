/**
 * Names that people know from psycopg, `pg` and other drivers, and what to write here instead. The guides `psycopg.md`
 * and `coming-from-pg.md` have them in tables.
 */

/** The hint for each name. The names have no capitals, underscores and dashes. */
type Habits = Readonly<Record<string, string>>

const NO_PROXY = 'a connection has no events of its own: '
const QUOTING = { escapeidentifier: 'it is quoteIdentifier(name)', escapeliteral: 'it is quoteLiteral(value)' }
const PREPARING = 'statements are prepared by themselves: statementCacheSize is the option of connect'
const TYPES = "it is con.setTypeCodec(name, { decoder, encoder }), or the option types: { int8: 'number' }"

/** The habits for connections of both APIs. */
const CONNECTION: Habits = {
  ...QUOTING,
  rowfactory: 'rows are made by the option rowFactory, of connect, of a cursor or of a call',
  preparethreshold: PREPARING,
  preparedmax: PREPARING,
  timeout: 'it is commandTimeout, or timeout in the options of a call',
  querytimeout: 'it is commandTimeout, or timeout in the options of a call',
  statementtimeout: 'it is commandTimeout, or timeout in the options of a call',
  setclientencoding: 'text goes as UTF-8, always',
  clientencoding: 'text goes as UTF-8, always',
  encoding: 'text goes as UTF-8, always',
  adapters: TYPES,
  settypeparser: TYPES,
  end: 'it is close()',
  connect: 'connect(dsn) gives a connection that is open already',
  begin: 'it is transaction(fn): committed when the function returns, undone when it throws',
  lobject: 'large objects are functions in SQL: lo_from_bytea, lo_get, lo_put',
  status: 'it is transactionStatus',
  getparameterstatus: 'it is parameter(name)',
  gettransactionstatus: 'it is transactionStatus',
}

/** The habits for each class. `blocking` and `async` are the classes `Connection` of the two APIs. */
const BY_KIND: Readonly<Record<string, Habits>> = {
  blocking: {
    ...CONNECTION,
    setsession: 'set con.isolationLevel, con.readOnly, con.deferrable and con.autocommit',
    setisolationlevel: "set con.isolationLevel = 'serializable', between transactions",
    notices: 'the notices of the last call are in messages, and addNoticeListener(fn) hears each',
    addnotifyhandler: 'notifications are read: for (const { channel, payload } of con.notifies())',
    addnoticehandler: 'it is addNoticeListener(fn)',
    on: `${NO_PROXY}read notifications with con.notifies(), notices with con.addNoticeListener(fn)`,
    pipeline: "executemany and fetchmany send many elements in few trips; pipelines are in 'syncpg/async'",
    copyfrom: 'it is con.copyToTable(table, { source }), or cursor.copy(sql, fn)',
    copyto: 'it is con.copyFromTable(table, { output }), or cursor.copy(sql, fn)',
    serverversion: 'it is con.info.serverVersion',
    getbackendpid: 'it is con.info.backendPid',
    processid: 'it is con.info.backendPid',
    dsn: 'see con.info: host, port, user, database',
    pgconn: 'there is no libpq below; see con.info',
    broken: 'it is closed',
    release: 'it is close()',
    isclosed: 'it is closed',
  },
  async: {
    ...CONNECTION,
    autocommit: 'it is so already: a statement is a transaction of its own, unless it runs in transaction(fn)',
    commit:
      'a transaction is transaction(fn), or an object: const tx = con.transaction(); await tx.start(); await tx.commit()',
    rollback:
      'a transaction is transaction(fn), or an object: const tx = con.transaction(); await tx.start(); await tx.rollback()',
    on: `${NO_PROXY}addListener(channel, fn) hears notifications, addLogListener(fn) notices, addTerminationListener(fn) the end`,
    once: `${NO_PROXY}addListener(channel, fn) hears notifications, addTerminationListener(fn) the end`,
    release: 'it is pool.release(connection); pool.withConnection(fn) does it by itself',
    done: 'it is pool.release(connection); pool.withConnection(fn) does it by itself',
    processid: 'it is backendPid',
    queryrow: 'it is fetchrow(sql, values)',
    serverversion: 'it is getServerVersion()',
  },
  Cursor: {
    rowfactory: 'rows are made by the option rowFactory, of connect, of a cursor or of a call',
    itersize: 'it is an option of a named cursor: cursor(name, { itersize })',
    mogrify:
      'values do not go into the text; format(text, …values) makes a text of both, for statements without parameters',
    copyfrom: 'it is con.copyToTable(table, { source }), or cursor.copy(sql, fn)',
    copyto: 'it is con.copyFromTable(table, { output }), or cursor.copy(sql, fn)',
    copyexpert: 'it is cursor.copy(sql, fn)',
    0: 'fetchall() gives an array of rows, fetchone() one of them',
    rows: 'fetchall() gives them; con.query(sql) gives { rows, rowCount }',
    read: 'it is fetch(count), or a loop: for await (const row of con.cursor(sql))',
  },
  Pool: {
    end: 'it is close()',
    connect: 'it is acquire(); give it back with pool.release(connection), or take pool.withConnection(fn)',
    getconn: 'it is acquire()',
    putconn: 'it is release(connection)',
    getconnection: 'it is acquire()',
    connection: 'it is withConnection(fn)',
    on: 'a pool has no events: errors of background work go to the option onError',
    once: 'a pool has no events: errors of background work go to the option onError',
    totalcount: 'it is getSize()',
    idlecount: 'it is getIdleSize()',
    waitingcount: 'it is getWaitingCount()',
    getstats: 'see getSize(), getIdleSize() and getWaitingCount()',
    transaction: 'a transaction has one connection: pool.withConnection((con) => con.transaction(fn))',
    listen: 'take a connection, or listen(channels), which survives a loss',
  },
  QueryResult: {
    fields: 'they are columns',
    command: "it is the first word of tag, 'INSERT 0 1'",
    0: 'the rows are in rows',
    map: 'the rows are in rows',
  },
  CopyStream: { end: 'the COPY ends when the function returns', setformat: 'the format is in the text of the COPY' },
  ConnectionInfo: {
    transactionstatus: 'it is status',
    dbname: 'it is database',
    parameterstatus: 'it is parameter(name)',
    getparameters: 'it is parameter(name)',
    pid: 'it is backendPid',
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
  rowmode: { name: 'rowFactory', words: "it is rowFactory: 'array'" },
  querytimeout: { name: 'timeout' },
  statementtimeout: { name: 'timeout' },
  abortsignal: { name: 'signal' },
  binary: { words: 'values travel in binary wherever the driver knows their type' },
  name: { words: 'prepare(sql, { name }) names a statement; others are prepared by themselves' },
}

/** The hint for an option that a method does not have; null if no driver is known to have it. */
export function optionHabit(name: string, known: ReadonlySet<string>): string | null {
  const plain = plainName(name)
  const habit = Object.hasOwn(OPTIONS, plain) ? OPTIONS[plain] : undefined
  if (habit === undefined) return null
  if (habit.name !== undefined && !known.has(habit.name)) return null
  return habit.words ?? `it is ${habit.name}`
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
