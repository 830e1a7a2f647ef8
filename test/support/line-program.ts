/**
 * Makes programs in which `fs` is replaced for the main thread's reads and writes on a server's socket. So a test can
 * make the kernel slow, full or fail at will.
 */
import { type ScriptRun, runScript } from './run-script.ts'
import { sharedServer } from './shared-server.ts'

/**
 * The body can use `con`; `writes` (the number of requests that this thread has written) and `act` (called in place of
 * a write); `reads` (the number of answers that it has read in whole or in part) and `look` (called in place of a
 * read); `status` (called in place of `fstat`).
 */
export function lineProgram(body: string): string {
  return `
import fs from 'node:fs'
import { Script } from 'node:vm'
import { syncBuiltinESMExports } from 'node:module'
const { fstatSync, readSync, writeSync } = fs
globalThis.act = (bytes, send) => send(bytes)
globalThis.look = (into, offset, length, receive) => receive(length)
globalThis.status = (fd) => fstatSync(fd)
globalThis.writes = 0
globalThis.reads = 0
globalThis.nothing = () => { throw Object.assign(new Error('EAGAIN'), { code: 'EAGAIN' }) }
const isSocket = (fd) => fd > 2 && fstatSync(fd).isSocket()
fs.fstatSync = (fd) => status(fd)
fs.writeSync = (fd, bytes, ...rest) => {
  if (!isSocket(fd)) return writeSync(fd, bytes, ...rest)
  writes += 1
  return act(bytes, (part) => writeSync(fd, part))
}
fs.readSync = (fd, into, offset, length, position) => {
  if (!isSocket(fd)) return readSync(fd, into, offset, length, position)
  const count = look(into, offset, length, (most) => readSync(fd, into, offset, most, null))
  reads += 1
  return count
}
syncBuiltinESMExports()
const db = await import('syncpg')
const con = globalThis.con = db.connect(process.env.DSN, { autocommit: true })
${body}
con.close()
`
}

/** Makes this thread watch for an answer for as long as a busy machine may need. */
export const SLOW_CLOCK = 'const now = performance.now.bind(performance); performance.now = () => now() / 50;'

/** Runs a body such that every answer arrives in time for the calling thread to read it. */
export const runWithSlowClock = (body: string, dsn?: string): Promise<ScriptRun> =>
  runLineProgram(body, dsn, {}, SLOW_CLOCK)

/** @param before run before syncpg is loaded */
export function runLineProgram(
  body: string,
  dsn = sharedServer().dsn({ transport: 'unix' }),
  env: Readonly<Record<string, string>> = {},
  before = '',
): Promise<ScriptRun> {
  return runScript(before + lineProgram(body), { env: { DSN: dsn, ...env } })
}

/**
 * Runs a hundred statements and compares their results. `length` is an expression of `i` for the length of the text
 * that is sent and returned.
 */
export const askAHundred = (length: string): string => `
for (let i = 0; i < 100; i++) {
  const text = 'x'.repeat(${length})
  const row = con.fetchrow('select %s::int, %s::text', [i, text])
  if (row[0] !== i || row[1] !== text) throw new Error('wrong answer to ' + i)
}`
