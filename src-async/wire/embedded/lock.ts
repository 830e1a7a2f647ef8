/**
 * The lock of a data directory, which allows one owner. PGlite itself would allow two, and the work of one would be lost. The
 * lock is a file in the directory that names its owner. It is inside the directory, because containers that share a volume
 * share nothing else. A lock is taken over only when its owner has certainly ended; otherwise the directory is refused. The
 * reasons are in docs/decisions/embedded-lock.md.
 */
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { OperationalError } from '../../errors/tree.ts'
import { folderError } from './data-directory.ts'
import {
  type LockOwner,
  type OwnerState,
  type Whereabouts,
  ownerState,
  parseOwner,
  samePidSpace,
  whereabouts,
} from './lock-owner.ts'
import { OwnerSocket, askSocket } from './owner-socket.ts'

export interface DataDirectoryLock {
  release(): void
}

export const LOCK_FILE = 'syncpg.lock'
/** The names of all files of the lock: the lock itself, claims on it, sockets and drafts. */
export const LOCK_FILES = /^syncpg(?:\.lock(?:\.[0-9a-f]+)*|-[0-9a-f]+\.(?:sock|new|sock\.new))$/

/**
 * How often a process tries. If several want the lock of an ended owner, it takes a few milliseconds until one has
 * it.
 */
const ATTEMPTS = 100
const RETRY_DELAY_MS = 10
/**
 * How deep claims on claims may go. They exist only if a process dies during the microseconds in which it holds a
 * claim.
 */
const DEEPEST_CLAIM = 6

/** One attempt to own a directory. */
interface Candidate {
  readonly directory: string
  /** The content of its lock file. */
  readonly content: string
  readonly token: string
  readonly here: Whereabouts
}

/** Why a lock could not be taken. */
interface Refusal {
  readonly path: string
  /** null when the file cannot be parsed. */
  readonly owner: LockOwner | null
  readonly state: OwnerState
}

/** Whether a file of a data directory belongs to its lock. Such files do not count when the directory is inspected. */
export function isLockFile(name: string): boolean {
  return LOCK_FILES.test(name)
}

/** Whether a directory has a lock, of a living owner or of an ended one. */
export function isLocked(directory: string): boolean {
  return existsSync(join(directory, LOCK_FILE))
}

/**
 * Takes the directory, or the lock that an ended owner left on it.
 * @param directory the real path of a directory that exists
 * @throws OperationalError when another owner has it, when it cannot be known whether the last owner has ended, or when the
 *   lock file cannot be written.
 */
export async function lockDataDirectory(directory: string): Promise<DataDirectoryLock> {
  const token = randomBytes(8).toString('hex')
  const socket = await OwnerSocket.open(directory, `syncpg-${token}.sock`)
  try {
    const here = whereabouts(directory)
    const owner: LockOwner = { token, socket: socket?.name ?? null, ...here }
    const candidate: Candidate = { directory, content: `${JSON.stringify(owner)}\n`, token, here }
    const path = join(directory, LOCK_FILE)
    const refusal = await take(path, candidate, 0)
    if (refusal !== null) throw refused(refusal, candidate)
    await sweep(directory, token)
    return { release: () => release(path, candidate, socket) }
  } catch (error) {
    socket?.close()
    throw error
  }
}

/**
 * Takes a lock file. To replace the file of an ended owner, a process must hold the *claim* on it. A claim is a lock file too,
 * and its name holds the token of the ended owner, which is unique. So when two processes find the same ended owner, one
 * replaces the file. The other one gets the claim later, finds the file of the new owner and starts again.
 */
async function take(path: string, candidate: Candidate, depth: number): Promise<Refusal | null> {
  let last: Refusal = { path, owner: null, state: 'unknown' }
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (attempt > 0) await delay(RETRY_DELAY_MS)
    if (publish(candidate, (draft) => linkSync(draft, path))) return null
    const content = read(path)
    if (content === null) continue
    const owner = parseOwner(content)
    last = {
      path,
      owner,
      state: owner === null ? 'unknown' : await ownerState(candidate.directory, owner, candidate.here),
    }
    if (owner === null || last.state !== 'ended' || depth === DEEPEST_CLAIM) return last
    const claim = `${path}.${owner.token}`
    const claimRefusal = await take(claim, candidate, depth + 1)
    if (claimRefusal === null) {
      try {
        if (read(path) === content && publish(candidate, (draft) => renameSync(draft, path))) return null
      } finally {
        rmSync(claim, { force: true })
      }
    } else if (claimRefusal.state !== 'alive') return claimRefusal
    // Another process is replacing the file: the next attempt finds its owner.
    else last = claimRefusal
  }
  return last
}

/** Writes and syncs a file under a draft name, then names it, so that no process ever reads half of it. */
function publish({ directory, content, token }: Candidate, name: (draft: string) => void): boolean {
  const draft = join(directory, `syncpg-${token}.new`)
  try {
    const file = openSync(draft, 'w', 0o600)
    try {
      writeSync(file, content)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    name(draft)
    return true
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw folderError(directory, cause)
  } finally {
    rmSync(draft, { force: true })
  }
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new OperationalError(`the lock file "${path}" cannot be read: ${(error as Error).message}`, { cause: error })
  }
}

function release(path: string, { content }: Candidate, socket: OwnerSocket | null): void {
  try {
    if (read(path) === content) rmSync(path, { force: true })
  } catch {
    // The directory cannot be read or written any more. The lock is free as soon as the socket refuses.
  }
  socket?.close()
}

/**
 * Removes files that ended processes left beside the lock. Claims on earlier owners can go: a process that still holds one
 * finds this owner's file and gives up. Sockets go only when connecting is refused, because a living owner listens.
 */
async function sweep(directory: string, token: string): Promise<void> {
  try {
    for (const name of readdirSync(directory)) {
      if (!isLockFile(name) || name === LOCK_FILE || name.includes(token)) continue
      const isClaim = name.startsWith(LOCK_FILE)
      const isLeft = isClaim || (name.endsWith('.sock') && (await askSocket(directory, name)) === 'refused')
      if (isLeft) rmSync(join(directory, name), { force: true })
    }
  } catch {
    // The files that remain do no harm.
  }
}

function refused({ path, owner, state }: Refusal, { directory, here }: Candidate): OperationalError {
  if (owner === null) {
    return new OperationalError(
      `the data directory "${directory}" has a lock file that cannot be understood: "${path}"`,
      {
        hint: `if no other program uses the directory, remove "${path}"`,
      },
    )
  }
  const who = nameOf(owner, here)
  if (state === 'alive') {
    // If the start time of the process is unknown, another process may have its id by now.
    const alternative = owner.start === null ? `, or remove "${path}" if no other program uses the directory` : ''
    return new OperationalError(`the data directory "${directory}" is in use by ${who}`, {
      hint: `an embedded database has one connection at a time: close the other one first${alternative}`,
    })
  }
  return new OperationalError(
    `the data directory "${directory}" was in use by ${who}, and this process cannot find out whether that one has ended`,
    { hint: `if no other program uses the directory, remove "${path}"` },
  )
}

function nameOf(owner: LockOwner, here: Whereabouts): string {
  if (!samePidSpace(owner, here))
    return `process ${owner.pid} of another container or machine (host name "${owner.hostname}")`
  return owner.pid === process.pid ? 'this process' : `process ${owner.pid}`
}
