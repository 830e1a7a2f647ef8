/**
 * Starts the worker's thread through synckit, and reports why it did not start. Knows nothing of sessions. Node announces a
 * Worker's failure by an `error` event, which ends the process when nothing listens, so this file listens from the beginning.
 */
import { closeSync, existsSync, openSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
// Under jest the global `process` is a copy: it has another environment, and Node emits no `worker` event on it.
import nodeProcess from 'node:process'
import type { Worker } from 'node:worker_threads'
import { accessDenied, isAccessDenied } from '../../src-async/errors/node-permission.ts'
import { OperationalError } from '../../src-async/errors/tree.ts'
import { workerOptions } from './worker-options.ts'

/**
 * How long one wait for an answer lasts. After each wait the caller checks whether the thread still exists, and asks again.
 */
export const ANSWER_SLICE_MS = 250

/**
 * Reports what happens to the thread. The event loop of this thread calls it, so it is not called while this thread blocks.
 */
export interface ThreadWatcher {
  /** Whether the thread is still needed. Called once, soon after the start; on false the thread is ended. */
  isWanted(): boolean
  /** The thread has ended, with `error`, or with null when there was none. */
  ended(error: Error | null): void
}

export interface WorkerThread {
  /** Asks the worker and blocks, for `ANSWER_SLICE_MS` at most. */
  readonly call: (call: unknown) => unknown
  /**
   * Kernel ids of all threads that began during the start; one of them is the worker. Empty where the kernel does not tell.
   */
  readonly taskIds: readonly number[]
}

/**
 * @param path the worker's file; synckit is loaded from the packages installed beside it
 * @param hint tells the user what to do when the file is not the right one
 * @throws OperationalError when the thread cannot be started.
 */
export function startWorkerThread(path: string, hint: string, watcher: ThreadWatcher): WorkerThread {
  // This check comes first, because when Node cannot open a package's files, it remembers for good that the package is
  // missing.
  if (isShortOfDescriptors()) throw tooManyFiles('the worker thread cannot start')
  const synckit = loadSynckit(path)
  const before = new Set(taskIds())
  const listen = (worker: Worker): void => {
    // Without a listener, an `error` event would end the process.
    worker.on('error', (error: Error) => watcher.ended(error))
    worker.on('exit', () => watcher.ended(null))
    if (!watcher.isWanted()) void worker.terminate()
  }
  // synckit gives no access to its Worker, so this code takes it from Node's event `worker`. Node emits that event in a
  // tick between the two `nextTick` callbacks below.
  nodeProcess.nextTick(() => nodeProcess.on('worker', listen))
  try {
    const call = startClean(synckit, path)
    return { call, taskIds: taskIds().filter((id) => !before.has(id)) }
  } catch (error) {
    throw startError(error, path, hint)
  } finally {
    nodeProcess.nextTick(() => nodeProcess.off('worker', listen))
  }
}

/** Whether one of these threads still exists; null where the kernel does not tell, or Node may not look. */
export function isAnyTaskAlive(ids: readonly number[]): boolean | null {
  if (ids.length === 0) return null
  try {
    return ids.some((id) => existsSync(`/proc/self/task/${id}`))
  } catch {
    return null
  }
}

/** The error for a thread that ended before it answered. A blocked thread cannot receive the event with Node's reason. */
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
 * Starts the Worker with the environment meant for it. synckit passes `process.env` on to the Worker, with `NODE_OPTIONS`, and
 * warns about options that Node refuses for a thread. So `process.env` is replaced during the start; no other code runs then.
 */
function startClean(synckit: typeof import('synckit'), path: string): (call: unknown) => unknown {
  const environment = nodeProcess.env
  const { env, execArgv } = workerOptions(environment, nodeProcess.execArgv, nodeProcess.versions['pnp'] !== undefined)
  nodeProcess.env = env
  try {
    // Every option is given, because synckit reads the missing ones from its own environment variables.
    const options = { timeout: ANSWER_SLICE_MS, execArgv, globalShims: false, transferList: [] }
    return synckit.startWorkerThread(path, options) as (call: unknown) => unknown
  } finally {
    nodeProcess.env = environment
  }
}

/** Loads synckit from where the worker's file is, because it is installed there, even if a bundler has moved this code. */
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
  'npm install; if a bundler did not copy it, keep syncpg external, or name the installed file, ' +
  'node_modules/syncpg/dist/worker.cjs, in the environment variable SYNCPG_WORKER'

const REINSTALL = 'install the dependencies of syncpg again: npm install'

function startError(error: unknown, path: string, hint: string): OperationalError {
  if (isAccessDenied(error)) return accessDenied('the worker thread cannot start', error)
  const reason = messageOf(error)
  if ((error as NodeJS.ErrnoException).code === 'ERR_WORKER_INIT_FAILED') {
    return new OperationalError(`the worker thread cannot start: the system refuses to create a thread (${reason})`, {
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

/** Kernel ids of the process's threads; empty where the kernel does not tell, or Node may not look. */
function taskIds(): number[] {
  try {
    return readdirSync('/proc/self/task').map(Number)
  } catch {
    return []
  }
}

/** An event loop opens about six files before it runs any code, and a connection needs one more. */
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
