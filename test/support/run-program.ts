/** Runs a program to its end and gives what it printed, for tests that compare the whole output. */
import { execFile } from 'node:child_process'

export interface ProgramRun {
  readonly stdout: string
  readonly stderr: string
  /** The exit status, or the signal that ended the program. */
  readonly status: number | string | null
}

export interface ProgramOptions {
  readonly cwd?: string
  /** Variables beside those of this process. NODE_OPTIONS is empty unless given. */
  readonly env?: NodeJS.ProcessEnv
  /** Text for its standard input. */
  readonly input?: string
  /** Milliseconds after which the program is killed. */
  readonly timeoutMs?: number
}

export function runProgram(
  program: string,
  args: readonly string[],
  { cwd, env = {}, input = '', timeoutMs = 30_000 }: ProgramOptions = {},
): Promise<ProgramRun> {
  const options = { cwd, env: { ...process.env, NODE_OPTIONS: '', ...env }, timeout: timeoutMs }
  return new Promise((resolve) => {
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      resolve({ stdout, stderr, status: error === null ? 0 : (error.code ?? error.signal ?? null) })
    })
    // A program that does not read its input may end before it is written.
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
  })
}
