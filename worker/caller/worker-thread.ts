/**
 * Starts the worker's thread through synckit, and says why where it does not start. Knows nothing of sessions. Node announces
 * a Worker's failure by an `error` event, which ends the process when nobody listens, so this file listens from the start on.
 */
import { closeSync, existsSync, openSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
// Under jest the global `process` is a copy: it has another environment, and Node announces no Worker to it.
import nodeProcess from 'node:process'
import type { Worker } from 'node:worker_threads'
import { accessDenied, isAccessDenied } from '../../src-async/errors/node-permission.ts'
import { OperationalError } from '../../src-async/errors/tree.ts'
import { workerOptions } from './worker-options.ts'

/** One wait for an answer. After each of them the caller looks whether the thread is still there, and asks again. */
export const ANSWER_SLICE_MS = 250

/** What becomes of the thread; called from the event loop of this thread, so not while this thread is blocked. */
export interface ThreadWatcher {
  /** Whether the thread is wanted. Asked once, soon after the start: a thread that nobody wants is ended. */
  isWanted(): boolean
  /** The thread has ended; `error` says of what, null for no error. */
  ended(error: Error | null): void
}

export interface WorkerThread {
  /** Asks the worker and blocks, for `ANSWER_SLICE_MS` at most. */
  readonly call: (call: unknown) => unknown
  /** Kernel's numbers of the threads that began with the start, the worker's among them; none where the kernel does not say. */
  readonly taskIds: readonly number[]
}

/**
 * @param path the worker's file; synckit is looked for beside it
 * @param hint what to do when the file is not the right one
 * @throws OperationalError when the thread cannot be started.
 */
export function startWorkerThread(path: string, hint: string, watcher: ThreadWatcher): WorkerThread {
  // Asked first: Node remembers for good that it did not find a package whose files it could not open.
  if (isShortOfDescriptors()) throw tooManyFiles('the worker thread cannot start')
  const synckit = loadSynckit(path)
  const before = new Set(taskIds())
  const hear = (worker: Worker): void => {
    // Without a listener the event would end the process.
    worker.on('error', (error: Error) => watcher.ended(error))
    worker.on('exit', () => watcher.ended(null))
    if (!watcher.isWanted()) void worker.terminate()
  }
  // synckit keeps the Worker to itself. Node announces it in a tick of its own, which comes between these two.
  nodeProcess.nextTick(() => nodeProcess.on('worker', hear))
  try {
    const call = startClean(synckit, path)
    return { call, taskIds: taskIds().filter((id) => !before.has(id)) }
  } catch (error) {
    throw startError(error, path, hint)
  } finally {
    nodeProcess.nextTick(() => nodeProcess.off('worker', hear))
  }
}

/** Whether the kernel still has one of these threads; null where it does not say, or Node's permission model forbids to look. */
export function isAnyTaskAlive(ids: readonly number[]): boolean | null {
  if (ids.length === 0) return null
  try {
    return ids.some((id) => existsSync(`/proc/self/task/${id}`))
  } catch {
    return null
  }
}

/** Why a thread ended before it could say anything. Node's reason comes as an event, which a blocked thread cannot hear. */
export function silentEndError(path: string): OperationalError {
  const action = 'the worker thread ended before it could answer'
  if (isShortOfDescriptors()) return tooManyFiles(action)
  return new OperationalError(`${action}: ${path}`, {
    hint: 'it may have run out of memory: see the limits of the process and its container',
  })
}

function tooManyFiles(action: string): OperationalError {
  return new OperationalError(`${action}: the process has too many files and sockets open`, {
    hint: 'raise the limit of open files (ulimit -n), or close what is not needed',
  })
}

/**
 * synckit gives the Worker the environment, with `NODE_OPTIONS` in it, and warns when Node does not take these for a thread.
 * While it starts the Worker it sees the environment meant for the worker. Nothing else runs meanwhile.
 */
function startClean(synckit: typeof import('synckit'), path: string): (call: unknown) => unknown {
  const environment = nodeProcess.env
  const { env, execArgv } = workerOptions(environment, nodeProcess.execArgv, nodeProcess.versions['pnp'] !== undefined)
  nodeProcess.env = env
  try {
    // Each option is given, so that synckit does not read its own from the environment.
    const options = { timeout: ANSWER_SLICE_MS, execArgv, globalShims: false, transferList: [] }
    return synckit.startWorkerThread(path, options) as (call: unknown) => unknown
  } finally {
    nodeProcess.env = environment
  }
}

/** synckit is looked for from the worker's file, beside which it is installed, wherever this code has been moved. */
function loadSynckit(path: string): typeof import('synckit') {
  try {
    // The CommonJS build loads three times as fast as the ES one.
    const synckit = createRequire(path)('synckit') as typeof import('synckit')
    if (typeof synckit.startWorkerThread === 'function') return synckit
  } catch (cause) {
    if (isAccessDenied(cause)) throw accessDenied('the package synckit cannot be loaded', cause)
    const isMissing = (cause as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND'
    const [reason = ''] = messageOf(cause).split('\n')
    if (isMissing && reason.includes("'synckit'")) {
      const message = `the package synckit is not installed beside the worker's file, ${path}`
      throw new OperationalError(message, { hint: NOT_INSTALLED, cause })
    }
    const message = `the package synckit beside the worker's file ${path} cannot be loaded: ${reason}`
    throw new OperationalError(message, { hint: REINSTALL, cause })
  }
  throw new OperationalError(`the package synckit beside the worker's file ${path} is of another version`, {
    hint: REINSTALL,
  })
}

const NOT_INSTALLED =
  'npm install; where a bundler or a copy has left it behind, keep syncpg external, or name the installed file, ' +
  'node_modules/syncpg/dist/worker.cjs, in the environment variable SYNCPG_WORKER'

const REINSTALL = 'install the dependencies of syncpg again: npm install'

function startError(error: unknown, path: string, hint: string): OperationalError {
  if (isAccessDenied(error)) return accessDenied('the worker thread cannot start', error)
  const reason = messageOf(error)
  if ((error as NodeJS.ErrnoException).code === 'ERR_WORKER_INIT_FAILED') {
    return new OperationalError(`the worker thread cannot start: the system gives no thread (${reason})`, {
      hint:
        'a limit on threads and processes has been reached: raise it (ulimit -u, pids.max of the container), or end ' +
        'other threads and processes',
      cause: error,
    })
  }
  return new OperationalError(`the worker thread cannot start: ${reason}: ${path}`, { hint, cause: error })
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The process's threads as the kernel numbers them; none where it does not say, or Node may not look. */
function taskIds(): number[] {
  try {
    return readdirSync('/proc/self/task').map(Number)
  } catch {
    return []
  }
}

/** An event loop opens about six files before it runs anything; a connection is one more. */
const DESCRIPTORS_OF_A_THREAD = 8

function isShortOfDescriptors(): boolean {
  const open: number[] = []
  try {
    while (open.length < DESCRIPTORS_OF_A_THREAD) open.push(openSync(nodeProcess.execPath, 'r'))
    return false
  } catch (error) {
    return ['EMFILE', 'ENFILE'].includes((error as NodeJS.ErrnoException).code ?? '')
  } finally {
    for (const descriptor of open) closeSync(descriptor)
  }
}
