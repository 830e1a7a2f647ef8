/**
 * Runs a program as a user would, in a Node process of its own from the package's folder, so that `syncpg` is the built
 * package. For tests of things that a test process cannot do to itself: block, die, exit, be interrupted.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

import { IN_CONTAINER } from './namespaces.ts'
import { QUICK_WASM } from './quick-wasm.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface ScriptOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly nodeOptions?: readonly string[]
  readonly args?: readonly string[]
  /** Milliseconds after which the process is killed and the run counts as a hang. */
  readonly timeoutMs?: number
  /** A command that runs the process, `unshare` for instance. */
  readonly wrap?: readonly string[]
  /** Called with each line of standard output as it comes. */
  readonly onLine?: (line: string) => void
}

export interface ScriptRun {
  /** Exit code; null when it was killed. */
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
  readonly elapsedMs: number
}

/**
 * Runs the text of an ES module in namespaces of its own, as in a container (test/support/namespaces.ts).
 * @param prepare a command of the shell that runs there before, `mount` for instance
 */
export function runInContainer(prepare: string, source: string, options: ScriptOptions = {}): Promise<ScriptRun> {
  return runScript(source, { ...options, wrap: [...IN_CONTAINER, 'sh', '-c', `${prepare} && exec "$@"`, 'sh'] })
}

/** Runs the text of an ES module. */
export function runScript(source: string, options: ScriptOptions = {}): Promise<ScriptRun> {
  const { env = {}, nodeOptions = [], args = [], timeoutMs = 20_000, onLine, wrap = [] } = options
  const startedMs = performance.now()
  const usesEmbedded = [source, ...args, ...Object.values(env)].some((text) => text?.includes('pglite:'))
  const quick = usesEmbedded ? [QUICK_WASM] : []
  const program = [process.execPath, ...quick, ...nodeOptions, '--input-type=module', '--eval', source, '--', ...args]
  const [command, ...rest] = [...wrap, ...program]
  const child = spawn(command!, rest, {
    cwd: root,
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  })
  let stdout = ''
  let stderr = ''
  let line = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    line += text
    const lines = line.split('\n')
    line = lines.pop() ?? ''
    for (const each of lines) onLine?.(each)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status, signal) => {
      resolve({ status, signal, stdout, stderr, elapsedMs: performance.now() - startedMs })
    })
  })
}
