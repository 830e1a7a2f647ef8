/**
 * Finds out whether the owner of a data directory has ended. The owner's socket answers this, if this process and the owner
 * use the same kernel. The process id answers it, if both see the same process ids. Otherwise the state is `unknown`.
 */
import { readFileSync, readlinkSync, statSync, statfsSync } from 'node:fs'
import { hostname } from 'node:os'
import { askSocket } from './owner-socket.ts'

export type OwnerState = 'alive' | 'ended' | 'unknown'

/** A process, its system, and the file system of its data directory as the process sees it. */
export interface Whereabouts {
  readonly pid: number
  /** Start of the process, in clock ticks after the boot (proc(5), field 22 of stat); null where unknown. */
  readonly start: string | null
  /** The running system: on Linux the kernel's boot id, elsewhere the host name; null when it is not known. */
  readonly system: string | null
  /** The namespace of the process ids. In another namespace a process id means another process. */
  readonly pidSpace: string | null
  readonly hostname: string
  /** Device and type of the directory's file system, as stat(2) and statfs(2) give them. */
  readonly device: string
  readonly fileSystem: number | null
}

export interface LockOwner extends Whereabouts {
  /** A random number, so that no two owners have the same token. */
  readonly token: string
  /** The name of its socket in the directory; null when it could not open one. */
  readonly socket: string | null
}

/**
 * Types of file systems that only one kernel uses at a time (statfs(2)): ext2-4, xfs, btrfs, tmpfs, ramfs, overlayfs, zfs,
 * f2fs, bcachefs. Network file systems, and directories that are passed into a virtual machine, have other types.
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

/** Parses a lock file. @returns null when the content is something else */
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

/** Whether one process id means the same process for both. */
export function samePidSpace(owner: Whereabouts, here: Whereabouts): boolean {
  return isSame(owner.system, here.system) && isSame(owner.pidSpace, here.pidSpace)
}

/** Finds out whether an owner has ended. `ended` and `alive` are certain. */
export async function ownerState(directory: string, owner: LockOwner, here: Whereabouts): Promise<OwnerState> {
  const answer = owner.socket === null ? 'unknown' : await askSocket(directory, owner.socket)
  if (answer === 'listening') return 'alive'
  // Only this kernel uses the file system, and so the owner's socket. A refusal means that the owner has ended.
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
    // EPERM means that the process exists and belongs to another user.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return 'ended'
  }
  // Another process may have got the id since then. In a container, for example, the first process always has the id 1.
  const startNow = isProcOurs() ? startOf(pid) : null
  return start !== null && startNow !== null && start !== startNow ? 'ended' : 'alive'
}

/** Whether /proc shows the process ids of this namespace. It may be mounted from another one. */
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
