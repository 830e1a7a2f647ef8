/**
 * Failures between a program and its server, in programs of both faces that run in processes of their own. Each program
 * gets soon an error of the right class whose first line says what happened, and then the process ends by itself.
 */
import { createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'

import { beforeAll, describe, expect, test } from 'vitest'

import { type ServerCoordinates, startServer } from '../../support/postgres-server.ts'
import { TEST_ROLES } from '../../support/postgres-template.ts'
import { type FaultProxy, startProxy } from '../../support/proxy.ts'
import { type ScriptRun, runScript } from '../../support/run-script.ts'
import { askServer, freshDatabase, sharedServer } from '../../support/shared-server.ts'

type Face = 'async' | 'blocking'

const FACES: readonly Face[] = ['async', 'blocking']
/**
 * Failures take less than two seconds on an idle machine. The limit is longer, so that only a hang fails the test, and
 * not a busy machine.
 */
const SOON_MS = 6000

/** A program's report of a failed call. */
interface Report {
  readonly name: string
  readonly classes: readonly string[]
  readonly sqlstate: string | null
  readonly message: string
  /** Where the stack begins. */
  readonly top: string
  /** Milliseconds since the fault was made, or since the call if there is no fault. */
  readonly ms: number
  readonly isClosed: boolean | null
  /** The outcome of the next statement on the connection. */
  readonly next: string | null
}

const PRELUDE = `
process.on('unhandledRejection', (error) => { console.log('UNHANDLED ' + error); process.exit(9) })
const classesOf = (error) => {
  const names = []
  for (let at = error.constructor; at?.name; at = Object.getPrototypeOf(at)) names.push(at.name)
  return names
}
const report = (error, startedMs, isClosed = null, next = null) => console.log('REPORT ' + JSON.stringify({
  name: error.name, classes: classesOf(error), sqlstate: error.sqlstate ?? null, message: String(error.message),
  top: error.stack.split('\\n').find((line) => /^ +at /.test(line)) ?? '', ms: Date.now() - startedMs, isClosed, next,
}))
`

/** Tries to connect to each DSN in turn, and reports why it failed. */
function connectProgram(face: Face): string {
  return withLines(
    face,
    `for (const { name, dsn, timeout } of JSON.parse(process.env.ATTEMPTS)) {
  console.log('ATTEMPT ' + name)
  const startedMs = Date.now()
  try {
    ${face === 'async' ? 'await ' : ''}db.connect(dsn, { timeout }) // CALL
    console.log('NO ERROR')
  } catch (error) { report(error, startedMs) }
}`,
  )
}

/** Connects, prints a line, runs a statement, reports its failure and runs another. It never closes the connection. */
function statementProgram(face: Face, call: string): string {
  const isAsync = face === 'async'
  const wait = isAsync ? 'await ' : ''
  return withLines(
    face,
    `const con = ${wait}db.connect(process.env.DSN${isAsync ? '' : ', { autocommit: true }'})
${wait}con.execute("select set_config('application_name', $1, false)", [process.env.MARK])
console.log('READY')
const startedMs = Date.now()
try {
  ${call} // CALL
  console.log('NO ERROR')
  ${isAsync ? 'await con.close()' : ''}
} catch (error) {
  let next = null
  try { ${wait}con.execute('select 1') } catch (another) { next = another.name + ': ' + another.message }
  report(error, startedMs, con.${isAsync ? 'isClosed' : 'closed'}, next)
}`,
  )
}

function withLines(face: Face, body: string): string {
  return `import * as db from 'syncpg${face === 'async' ? '/async' : ''}'\n${PRELUDE}\n${body}\n`
}

/** The line, from 1, that makes the call under test. */
function callLine(program: string): number {
  return program.split('\n').findIndex((line) => line.includes('// CALL')) + 1
}

function reportOf(run: ScriptRun): Report {
  const line = run.stdout.split('\n').find((each) => each.startsWith('REPORT '))
  if (line === undefined) throw new Error(`no report; it said:\n${run.stdout}\n${run.stderr}`)
  return JSON.parse(line.slice('REPORT '.length)) as Report
}

/**
 * The checks for every failure: it is reported once and soon, the stack begins at the caller's line, and the process
 * ends by itself with status 0.
 */
function expectGoodEnd(face: Face, program: string, run: ScriptRun): Report {
  const report = reportOf(run)
  expect([run.status, run.signal, run.stderr]).toEqual([0, null, ''])
  if (face === 'blocking') expect(report.top).toContain(`[eval1]:${callLine(program)}:`)
  else expect(report.top).not.toBe('')
  return report
}

interface Attempt {
  readonly dsn: string
  readonly timeout: number
}

/**
 * DSNs to which connecting fails, by name. The ports are those of a closed listener, of one that never answers, and of
 * a web server.
 */
function attemptsThatFail(ports: { gone: number; mute: number; web: number }): Record<string, Attempt> {
  const { dsn, host, port } = sharedServer()
  const guessing = (where: string): string => `postgresql://postgres:guess-me@${where}/postgres`
  const dsns: Record<string, string> = {
    'wrong password': dsn({ password: 'guess-me' }),
    'no password': `postgresql://postgres@${host}:${port}/postgres`,
    'nobody listens': guessing(`127.0.0.1:${ports.gone}`),
    'unknown host': guessing('no-such-host.invalid'),
    'no socket': 'postgresql:///postgres?host=/no/such/folder&user=postgres',
    'rejected role': dsn({ user: 'u_reject' }),
    'unknown role': dsn({ user: 'nobody_known', password: 'guess-me' }),
    'unknown database': dsn({ database: 'no_such_database' }),
    'another protocol': guessing(`127.0.0.1:${ports.web}`),
    'another protocol, without TLS': `${guessing(`127.0.0.1:${ports.web}`)}?sslmode=disable`,
  }
  const attempts = Object.entries(dsns).map(([name, each]) => [name, { dsn: each, timeout: 5000 }] as const)
  const silent = { dsn: `${guessing(`127.0.0.1:${ports.mute}`)}?connect_timeout=2`, timeout: 500 }
  return { ...Object.fromEntries(attempts), silence: silent }
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

describe.each(FACES)('connecting, %s face', (face) => {
  const program = connectProgram(face)
  let run: ScriptRun
  const atServer = `connection to server at "127.0.0.1", port ${sharedServer().port}`
  let gonePort: number

  // One process fails in all these ways, and ends by itself after the last.
  beforeAll(async () => {
    const gone = createServer()
    gonePort = await listening(gone)
    await new Promise((resolve) => gone.close(resolve))
    const mute = createServer(() => {})
    const web = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    const ports = { gone: gonePort, mute: await listening(mute), web: await listening(web) }
    const attempts = Object.entries(attemptsThatFail(ports)).map(([name, attempt]) => ({ name, ...attempt }))
    try {
      run = await runScript(program, { env: { ATTEMPTS: JSON.stringify(attempts) } })
    } finally {
      mute.close()
      web.close()
    }
  })

  function refusal(name: string): Report {
    const [, told = ''] = run.stdout.split(`ATTEMPT ${name}\n`)
    const report = expectGoodEnd(face, program, { ...run, stdout: told.split('ATTEMPT ')[0] ?? '' })
    expect(report.ms).toBeLessThan(SOON_MS)
    expect(report.message).not.toContain('guess-me')
    return report
  }

  function refusalByServerOrNetwork(name: string): Report {
    const report = refusal(name)
    expect(report.classes).toContain('OperationalError')
    return report
  }

  test('a wrong password', () => {
    const report = refusalByServerOrNetwork('wrong password')
    expect(report).toMatchObject({ name: 'InvalidPasswordError', sqlstate: '28P01' })
    expect(report.message).toBe(`${atServer} failed: password authentication failed for user "postgres"`)
  })

  test('no password for a server that asks for one', () => {
    expect(refusalByServerOrNetwork('no password').message.split('\n')[0]).toContain('password')
  })

  test('a port without a server', () => {
    const { message } = refusalByServerOrNetwork('nobody listens')
    expect(message).toBe(`connection to server at "127.0.0.1", port ${gonePort} failed: connection refused`)
  })

  test('an unknown host', () => {
    expect(refusalByServerOrNetwork('unknown host').message.split('\n')[0]).toMatch(
      /^connection to server at "no-such-host.invalid", port 5432 failed: the host name /,
    )
  })

  test('a socket that does not exist', () => {
    expect(refusalByServerOrNetwork('no socket').message.split('\n')[0]).toMatch(
      /^connection to server on socket "\/no\/such\/folder\/.s.PGSQL.5432" failed: there is no/,
    )
  })

  test('a role without permission to log in', () => {
    const report = refusalByServerOrNetwork('rejected role')
    expect(report).toMatchObject({ name: 'InvalidAuthorizationSpecificationError', sqlstate: '28000' })
    expect(report.message.split('\n')[0]).toContain('u_reject')
  })

  test('a role that does not exist gives the same error as a wrong password', () => {
    const { message } = refusalByServerOrNetwork('unknown role')
    expect(message).toBe(`${atServer} failed: password authentication failed for user "nobody_known"`)
  })

  test('a listener that says nothing, with a time limit', () => {
    expect(refusalByServerOrNetwork('silence').message.split('\n')[0]).toContain('500 ms')
  })

  test.each(['another protocol', 'another protocol, without TLS'])('a listener that speaks %s', (name) => {
    refusalByServerOrNetwork(name)
  })

  test('an unknown database', () => {
    const report = refusal('unknown database')
    expect(report).toMatchObject({ name: 'InvalidCatalogNameError', sqlstate: '3D000' })
    expect(report.message).toBe(`${atServer} failed: database "no_such_database" does not exist`)
  })
})

/** Sessions of lost connections go on sleeping on the server, so each program has a mark of its own. */
let troubles = 0

/** Runs a program, and calls `makeTrouble` when the program is ready and the server runs its statement. */
async function troubled(
  program: string,
  dsn: string,
  makeTrouble: (mark: string) => Promise<unknown> | void,
): Promise<ScriptRun & { readonly troubleMs: number }> {
  let troubleMs = 0
  const mark = `troubled ${(troubles += 1)}`
  let trouble: Promise<unknown> = Promise.resolve()
  const run = await runScript(program, {
    env: { DSN: dsn, MARK: mark },
    onLine(line) {
      if (line !== 'READY') return
      trouble = (async () => {
        troubleMs = Date.now()
        await makeTrouble(mark)
      })()
    },
  })
  await trouble
  return { ...run, troubleMs }
}

const SLEEP = {
  async: "await con.fetch('select pg_sleep(30)')",
  blocking: "con.execute('select pg_sleep(30)')",
} as const

/** Resolves when the server runs the sleep of the program marked so. */
async function asleep(server: ServerCoordinates, mark: string): Promise<number> {
  const sql =
    "select pid from pg_stat_activity where application_name = $1 and state = 'active' and wait_event = 'PgSleep'"
  for (const deadlineMs = Date.now() + 10_000; Date.now() < deadlineMs;) {
    const [row] = await askServer<{ pid: number }>(server, sql, [mark])
    if (row) return row.pid
  }
  throw new Error('the program never came to sleep')
}

describe.each(FACES)('a statement under way, %s face', (face) => {
  const program = statementProgram(face, SLEEP[face])

  function expectLost(run: ScriptRun, limitMs = SOON_MS): Report {
    const report = expectGoodEnd(face, program, run)
    expect(report.classes).toContain('OperationalError')
    expect(report.isClosed).toBe(true)
    expect(report.next).toMatch(/^InterfaceError: connection is closed/)
    expect(run.elapsedMs).toBeLessThan(limitMs + 10_000)
    return report
  }

  test('the backend is terminated by an administrator', async () => {
    const server = sharedServer()
    const run = await troubled(program, server.dsn(), async (mark) => {
      await askServer(server, 'select pg_terminate_backend($1)', [await asleep(server, mark)])
    })
    const report = expectLost(run)
    expect(report).toMatchObject({ name: 'AdminShutdownError', sqlstate: '57P01' })
    expect(report.message).toBe('terminating connection due to administrator command')
  })

  test.each(['fast', 'immediate'] as const)('the server is stopped, %s', async (mode) => {
    const server = await startServer()
    try {
      let stoppedMs = 0
      const run = await troubled(program, server.dsn(), async (mark) => {
        await asleep(server, mark)
        stoppedMs = Date.now()
        await server.stop(mode)
      })
      const report = expectLost(run)
      expect(report.message.split('\n')[0]).toMatch(
        /terminating connection|server closed the connection|connection was closed/,
      )
      expect(run.troubleMs + report.ms - stoppedMs).toBeLessThan(SOON_MS)
    } finally {
      await server.dispose()
    }
  })

  async function throughProxy(work: (proxy: FaultProxy, dsn: string) => Promise<void>): Promise<void> {
    const server = sharedServer()
    const proxy = await startProxy(server)
    try {
      await work(proxy, server.dsn().replace(`:${server.port}/`, `:${proxy.port}/`))
    } finally {
      await proxy.close()
    }
  }

  test.each(['reset', 'halfClose'] as const)('the network: %s', async (fault) => {
    await throughProxy(async (proxy, dsn) => {
      let faultMs = 0
      const run = await troubled(program, dsn, async (mark) => {
        await asleep(sharedServer(), mark)
        faultMs = Date.now()
        proxy[fault]()
      })
      const report = expectLost(run)
      expect(report.name).toBe('ConnectionDoesNotExistError')
      expect(report.message.split('\n')[0]).toMatch(/^connection was closed in the middle of operation: /)
      expect(run.troubleMs + report.ms - faultMs).toBeLessThan(SOON_MS)
    })
  })

  test('the network: reset during COMMIT, whose outcome is then unknown', async () => {
    const server = sharedServer()
    const database = await freshDatabase(server)
    // A slow trigger that the COMMIT fires.
    await askServer(
      server,
      `create table slow (a int);
       create function doze() returns trigger language plpgsql as $$ begin perform pg_sleep(30); return null; end $$;
       create constraint trigger at_commit after insert on slow deferrable initially deferred
         for each row execute function doze()`,
      [],
      database,
    )
    const call =
      face === 'async'
        ? "await con.transaction(() => con.execute('insert into slow values (1)'))"
        : "con.transaction(() => con.execute('insert into slow values (1)'))"
    const committing = statementProgram(face, call)
    const proxy = await startProxy(server)
    try {
      const dsn = server.dsn({ database }).replace(`:${server.port}/`, `:${proxy.port}/`)
      const run = await troubled(committing, dsn, async (mark) => {
        await asleep(server, mark)
        proxy.reset()
      })
      const report = expectGoodEnd(face, committing, run)
      expect(report).toMatchObject({ name: 'TransactionResolutionUnknownError', sqlstate: '08007', isClosed: true })
      expect(report.message.split('\n')[0]).toContain('unknown')
    } finally {
      await proxy.close()
    }
  })

  test('the network: cut in the middle of a big reply', async () => {
    const call =
      face === 'async'
        ? "await con.fetch('select repeat($1, 1000) from generate_series(1, 10000)', ['x'])"
        : "con.execute('select repeat($1, 1000) from generate_series(1, 10000)', ['x'])"
    const big = statementProgram(face, call)
    await throughProxy(async (proxy, dsn) => {
      proxy.setFaults('toClient', { cutAfterBytes: 1_000_000 })
      const run = await runScript(big, { env: { DSN: dsn, MARK: 'cut' } })
      const report = expectGoodEnd(face, big, run)
      expect(report).toMatchObject({ name: 'ConnectionDoesNotExistError', isClosed: true })
      expect(report.ms).toBeLessThan(SOON_MS)
    })
  })

  test('the network: a reply in pieces of one byte is read completely', async () => {
    const call =
      face === 'async'
        ? "console.log('VALUE ' + await con.fetchval('select repeat($1, 3)', ['żółw']))"
        : "console.log('VALUE ' + con.fetchval('select repeat($1, 3)', ['żółw']))"
    await throughProxy(async (proxy, dsn) => {
      proxy.setFaults('both', { chunkBytes: 1 })
      const run = await runScript(statementProgram(face, call), { env: { DSN: dsn, MARK: 'pieces' } })
      expect([run.status, run.stdout]).toEqual([0, 'READY\nVALUE żółwżółwżółw\nNO ERROR\n'])
    })
  })
})

describe.each(FACES)('an idle connection, %s face', (face) => {
  test('that the server ended while it was idle fails the next statement and is closed', async () => {
    const wait = face === 'async' ? 'await ' : ''
    const call = `${wait}con.execute('select pg_terminate_backend(pg_backend_pid())')`
    const program = statementProgram(face, `try { ${call} } catch {} ; ${wait}con.execute('select 2')`)
    const run = await runScript(program, { env: { DSN: sharedServer().dsn(), MARK: 'idle' } })
    const report = reportOf(run)
    expect(report).toMatchObject({ isClosed: true, name: 'InterfaceError' })
    expect(report.message.split('\n')[0]).toMatch(/^connection is closed/)
    expect(run.status).toBe(0)
  })

  test('that another session terminates between statements', async () => {
    const wait = face === 'async' ? 'await ' : ''
    const body = `
const killer = ${wait}db.connect(process.env.DSN)
${wait}killer.execute('select pg_terminate_backend($1)', [PID])
${wait}killer.close()`.replace('PID', face === 'async' ? 'con.backendPid' : 'con.info.backendPid')
    const program = statementProgram(face, `${body}; ${wait}con.execute('select 2')`)
    const run = await runScript(program, { env: { DSN: sharedServer().dsn(), MARK: 'idle' } })
    const report = reportOf(run)
    expect(['InterfaceError', 'AdminShutdownError', 'ConnectionDoesNotExistError']).toContain(report.name)
    expect(report).toMatchObject({ isClosed: true })
    expect(report.ms).toBeLessThan(SOON_MS)
    expect(run.status).toBe(0)
  })
})

test.each(FACES)('roles of every authentication method can log in, %s face', async (face) => {
  const { trust, password, md5, scram, scramUnicode } = TEST_ROLES
  const roles = [trust, password, md5, scram, scramUnicode]
  const isAsync = face === 'async'
  const wait = isAsync ? 'await ' : ''
  const program = withLines(
    face,
    `for (const dsn of JSON.parse(process.env.DSN)) {
  const con = ${wait}db.connect(dsn)
  console.log(${wait}con.fetchval('select current_user::text'))
  ${wait}con.close()
}`,
  )
  const dsns = roles.map((role) => sharedServer().dsn(role))
  const run = await runScript(program, { env: { DSN: JSON.stringify(dsns) } })
  expect([run.stdout.trim().split('\n'), run.status]).toEqual([roles.map((role) => role.user), 0])
})
