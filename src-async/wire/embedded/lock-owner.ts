/**
 * Who owns a data directory, and whether that owner has ended. The owner's socket answers this where the answer can be
 * trusted, its process id where the same numbers mean the same processes. Anything else is `unknown`.
 */
import { readFileSync, readlinkSync, statSync, statfsSync } from 'node:fs'
import { hostname } from 'node:os'
import { askSocket } from './owner-socket.ts'

export type OwnerState = 'alive' | 'ended' | 'unknown'

/** A process and the way it sees a directory. */
export interface Whereabouts {
  readonly pid: number
  /** Start of the process, in ticks since the machine's; null where the system does not say (proc(5), field 22 of stat). */
  readonly start: string | null
  /** The running system: its kernel's boot id on Linux, elsewhere the host name; null when it is not known. */
  readonly system: string | null
  /** The namespace of its process ids: the same number in another one is another process. */
  readonly pidSpace: string | null
  readonly hostname: string
  /** Device and type of the directory's file system, as stat(2) and statfs(2) give them. */
  readonly device: string
  readonly fileSystem: number | null
}

export interface LockOwner extends Whereabouts {
  /** Random: no two owners have the same. */
  readonly token: string
  /** Its socket in the directory; null where it could not have one. */
  readonly socket: string | null
}

/**
 * Types of file systems that one kernel has for itself (statfs(2)): ext2-4, xfs, btrfs, tmpfs, ramfs, overlayfs, zfs, f2fs,
 * bcachefs. A directory of a network file system, or one that is passed into a virtual machine, has another type.
 */
const OF_ONE_KERNEL: ReadonlySet<number> = new Set([
  0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x858458f6, 0x794c7630, 0x2fc12fc1, 0xf2f52010, 0xca451a4e,
])

export function whereabouts(directory: string): Whereabouts {
  const isLinux = process.platform === 'linux'
  return {
    pid: process.pid,
    start: startOf('self'),
    system: isLinux ? attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()) : otherSystem(),
    pidSpace: isLinux ? attempt(() => readlinkSync('/proc/self/ns/pid')) : '',
    hostname: hostname(),
    device: String(statSync(directory, { bigint: true }).dev),
    fileSystem: isLinux ? attempt(() => statfsSync(directory).type >>> 0) : null,
  }
}

function otherSystem(): string {
  return `${process.platform} ${hostname()}`
}

/** Null when the content is not a lock file's. */
export function parseOwner(content: string): LockOwner | null {
  const owner = attempt(() => JSON.parse(content) as Partial<LockOwner> | null)
  if (owner === null || typeof owner !== 'object') return null
  const { token, socket, pid } = owner
  const isWhole =
    typeof token === 'string' &&
    /^[0-9a-f]+$/.test(token) &&
    (socket === null || (typeof socket === 'string' && /^[\w.-]+$/.test(socket))) &&
    Number.isSafeInteger(pid) &&
    pid! > 0
  return isWhole ? (owner as LockOwner) : null
}

/** Whether the process ids of both mean the same processes. */
export function samePidSpace(owner: Whereabouts, here: Whereabouts): boolean {
  return isSame(owner.system, here.system) && isSame(owner.pidSpace, here.pidSpace)
}

/** Finds out whether an owner has ended. `ended` and `alive` are certain. */
export async function ownerState(directory: string, owner: LockOwner, here: Whereabouts): Promise<OwnerState> {
  const answer = owner.socket === null ? 'unknown' : await askSocket(directory, owner.socket)
  if (answer === 'listening') return 'alive'
  // Only one kernel can have such a directory, so its socket cannot be another kernel's: nobody listens means ended.
  if (answer === 'refused' && isOfOneKernel(owner, here)) return 'ended'
  const byPid = samePidSpace(owner, here) ? stateByPid(owner) : 'unknown'
  if (answer === 'refused' && isSame(owner.system, here.system) && owner.device === here.device) {
    return byPid === 'alive' ? 'alive' : 'ended'
  }
  return byPid
}

function isOfOneKernel(owner: Whereabouts, here: Whereabouts): boolean {
  return isSame(owner.fileSystem, here.fileSystem) && OF_ONE_KERNEL.has(here.fileSystem!)
}

function isSame<T>(one: T | null, other: T | null): boolean {
  return one !== null && one === other
}

function stateByPid({ pid, start }: LockOwner): OwnerState {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it lives, under another user.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return 'ended'
  }
  // The number may have been given to another process since: in a container the first one is 1 every time.
  const startNow = isProcOurs() ? startOf(pid) : null
  return start !== null && startNow !== null && start !== startNow ? 'ended' : 'alive'
}

/** Whether /proc lists processes by the numbers of this namespace; it may be mounted from another one. */
function isProcOurs(): boolean {
  return attempt(() => readlinkSync('/proc/self')) === String(process.pid)
}

function startOf(pid: number | 'self'): string | null {
  return attempt(() => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
  })
}

function attempt<T>(run: () => T): T | null {
  try {
    return run()
  } catch {
    return null
  }
}
