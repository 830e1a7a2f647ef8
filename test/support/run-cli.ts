/** Runs the command line as a shell would, with the server in environment variables, and psql if it is installed. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

import type { ServerCoordinates } from './postgres-server.ts'
import { QUICK_WASM } from './quick-wasm.ts'

const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

// Plain JavaScript, because the benchmarks use it too.
const { psqlProgram } = (await import(new URL('../bench/support/psql-program.mjs', import.meta.url).href)) as {
  psqlProgram: () => string
}
const psql = psqlProgram()

/** psql's version; null where it is missing. */
export const psqlVersion: readonly [major: number, minor: number] | null = findPsql()

export interface CliOptions {
  readonly server?: ServerCoordinates
  readonly database?: string
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

export interface CliRun {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

const PATIENCE_MS = 30_000

export function runCli(words: readonly string[], options: CliOptions = {}): Promise<CliRun> {
  const quick = words.includes('pglite:') ? [QUICK_WASM] : []
  return run(process.execPath, [...quick, cli, '-X', ...words], options)
}

/** Runs psql without its start file, under the name syncpg, so that its messages can be compared. */
export async function runPsql(words: readonly string[], options: CliOptions = {}): Promise<CliRun> {
  const { status, stdout, stderr } = await run(psql, ['-X', ...words], options)
  return { status, stdout, stderr: stderr.replace(/^psql:/gm, 'syncpg:') }
}

/** Starts the command line, for tests that do something while it runs. */
export function startCli(words: readonly string[], options: CliOptions = {}): Started {
  return start(process.execPath, [cli, '-X', ...words], options)
}

export interface Started {
  readonly child: ChildProcess
  readonly ended: Promise<CliRun>
}

function run(program: string, words: readonly string[], options: CliOptions): Promise<CliRun> {
  return start(program, words, options).ended
}

function start(program: string, words: readonly string[], options: CliOptions): Started {
  const { server, database, input = '', env = {}, cwd } = options
  const child = spawn(program, words, {
    env: { ...process.env, NODE_OPTIONS: '', ...environmentOf(server, database), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: PATIENCE_MS,
    killSignal: 'SIGKILL',
    ...(cwd === undefined ? {} : { cwd }),
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  // The program may end before it has read everything.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const ended = new Promise<CliRun>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status) => resolve({ status, stdout, stderr }))
  })
  return { child, ended }
}

/** Runs a shell command, which may have pipes. `$SYNCPG` is the program. */
export function runShell(command: string, options: CliOptions = {}): Promise<CliRun> {
  const env = { SYNCPG: `${process.execPath} ${cli} -X`, ...options.env }
  return run('/bin/bash', ['-c', command], { ...options, env })
}

function environmentOf(server: ServerCoordinates | undefined, database: string | undefined): Record<string, string> {
  if (server === undefined) return {}
  const { host, port, user, password } = server
  return {
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: user,
    PGPASSWORD: password,
    PGDATABASE: database ?? server.database,
  }
}

function findPsql(): readonly [major: number, minor: number] | null {
  const { status, stdout } = spawnSync(psql, ['--version'], { encoding: 'utf8' })
  const found = status === 0 ? /(\d+)\.(\d+)/.exec(stdout) : null
  return found === null ? null : [Number(found[1]), Number(found[2])]
}
