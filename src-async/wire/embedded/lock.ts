/**
 * One owner per PGlite data directory; PGlite itself would let two in and corrupt the data. A lock file next to the
 * directory decides, between processes and between the threads of one: it names the owner's pid. What a dead process
 * left behind is taken over.
 */
import { existsSync, linkSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { threadId } from 'node:worker_threads'
import { OperationalError } from '../../errors/tree.ts'

export interface DataDirectoryLock {
  release(): void
}

/** A lock that keeps vanishing and coming back is somebody else's, working. */
const ATTEMPTS = 5

/**
 * Takes the directory, or the lock a dead process left on it. The lock file lies next to it, since initdb wants it empty.
 * @throws OperationalError when a living owner has it, or the lock file cannot be written.
 */
export function lockDataDirectory(dataDirectory: string): DataDirectoryLock {
  const directory = canonicalPath(dataDirectory)
  const lockPath = `${directory}.lock`
  const own = `${process.pid} ${startOf(process.pid)}\n`
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (tryCreate(lockPath, own)) return { release: () => release(lockPath, own) }
    const owner = readLock(lockPath)
    if (owner === null) continue
    if (isAlive(owner)) throw inUse(directory, owner, lockPath)
    takeAway(lockPath, owner)
  }
  throw inUse(directory, readLock(lockPath) ?? '', lockPath)
}

/** The same directory by whatever name, even before it exists. */
function canonicalPath(directory: string): string {
  const absolute = resolve(directory)
  try {
    mkdirSync(dirname(absolute), { recursive: true })
    const parent = realpathSync(dirname(absolute))
    return existsSync(absolute) ? realpathSync(absolute) : join(parent, basename(absolute))
  } catch (cause) {
    throw new OperationalError(`the data directory "${directory}" cannot be used: ${(cause as Error).message}`, {
      cause,
    })
  }
}

/** The file appears with its content, so nobody ever reads half of it. */
function tryCreate(lockPath: string, own: string): boolean {
  const draft = `${lockPath}.${process.pid}.${threadId}`
  try {
    writeFileSync(draft, own)
    linkSync(draft, lockPath)
    return true
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw new OperationalError(`the lock file "${lockPath}" cannot be written: ${(cause as Error).message}`, { cause })
  } finally {
    rmSync(draft, { force: true })
  }
}

function readLock(lockPath: string): string | null {
  try {
    return readFileSync(lockPath, 'latin1')
  } catch {
    return null
  }
}

function release(lockPath: string, own: string): void {
  if (readLock(lockPath) === own) rmSync(lockPath, { force: true })
}

/** Removes a dead owner's lock, and only that one: somebody else may be doing the same and already have its own. */
function takeAway(lockPath: string, owner: string): void {
  const aside = `${lockPath}.stale.${process.pid}.${threadId}`
  try {
    renameSync(lockPath, aside)
  } catch {
    return
  }
  if (readLock(aside) !== owner) {
    try {
      linkSync(aside, lockPath)
    } catch {
      // A third one has it by now; the second will notice no more than that its lock file is another's.
    }
  }
  rmSync(aside, { force: true })
}

function isAlive(owner: string): boolean {
  const [pid, start] = owner.trim().split(' ')
  const number = Number(pid)
  if (!Number.isSafeInteger(number) || number < 1) return false
  try {
    process.kill(number, 0)
  } catch (error) {
    // EPERM: it lives, under another user.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  // The number may have been given to another process since: in a container the first one is 1 every time.
  const startNow = startOf(number)
  return start === undefined || start === UNKNOWN || startNow === UNKNOWN || start === startNow
}

const UNKNOWN = '-'

/** When a process began, in ticks since the machine did; Linux only (proc(5), field 22 of stat). */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? UNKNOWN
  } catch {
    return UNKNOWN
  }
}

function inUse(directory: string, owner: string, lockPath: string): OperationalError {
  const pid = owner.split(' ')[0]
  const who = Number(pid) === process.pid ? 'this process' : `process ${pid}`
  return new OperationalError(`the data directory "${directory}" is in use by ${who}`, {
    hint: `an embedded database has one connection at a time; close the other one, or remove "${lockPath}" if there is none`,
  })
}
