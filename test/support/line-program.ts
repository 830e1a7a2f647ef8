/**
 * A program whose `fs` is replaced where the main thread writes to a server's socket, or reads from it: so that the kernel
 * can be slow, full or gone on demand.
 */
import { type ScriptRun, runScript } from './run-script.ts'
import { sharedServer } from './shared-server.ts'

/**
 * `body` has `con`; `writes`, how many requests this thread has written, and `act`, what becomes of a write; `reads`, how
 * many answers it has read in whole or in part, and `look`, what becomes of a read; `status`, what `fstat` says of a file.
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

/** Makes the watch for an answer last as long as a busy machine may need for one. */
export const PATIENCE = 'const now = performance.now.bind(performance); performance.now = () => now() / 50;'

/** Runs it where every answer comes in time to be read by the thread that asks. */
export const runPatiently = (body: string, dsn?: string): Promise<ScriptRun> => runLineProgram(body, dsn, {}, PATIENCE)

/** @param before run before syncpg is loaded */
export function runLineProgram(
  body: string,
  dsn = sharedServer().dsn({ transport: 'unix' }),
  env: Readonly<Record<string, string>> = {},
  before = '',
): Promise<ScriptRun> {
  return runScript(before + lineProgram(body), { env: { DSN: dsn, ...env } })
}

/** Asks a hundred statements and compares; `length` gives the length of the text that goes there and back from `i`. */
export const askAHundred = (length: string): string => `
for (let i = 0; i < 100; i++) {
  const text = 'x'.repeat(${length})
  const row = con.fetchrow('select %s::int, %s::text', [i, text])
  if (row[0] !== i || row[1] !== text) throw new Error('wrong answer to ' + i)
}`
