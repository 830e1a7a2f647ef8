/** Tells who has a pool's connections: the words of the error of one who waited in vain. */
import { PoolTimeoutError } from '../errors/client-errors.ts'
import type { Lease } from './lease.ts'

/** How many holders are named, and how many lines of each one's stack. */
const MOST_HOLDERS = 10
const MOST_FRAMES = 6

/** The state of a pool at a moment. */
export interface Occupancy {
  readonly leases: readonly Lease[]
  readonly maxSize: number
  readonly connecting: number
  /** Of those who wait, the one whose time is over included. */
  readonly waiting: number
  /** Why no connection could be opened, the last time that failed; null when it did not. */
  readonly lastFailure: unknown
}

/** The error of an `acquire` whose time is over. */
export function acquireTimeout(limitMs: number, occupancy: Occupancy, isTracking: boolean): PoolTimeoutError {
  const { maxSize, connecting, waiting, lastFailure } = occupancy
  const leases = eldestFirst(occupancy.leases)
  const [eldest] = leases
  const facts = [`${leases.length} of at most ${maxSize} connections are in use`]
  if (eldest !== undefined) facts.push(`the longest for ${seconds(eldest)}`)
  if (connecting > 0) facts.push(`${connecting} being opened`)
  if (waiting > 1) facts.push(`${waiting - 1} others wait`)
  if (lastFailure instanceof Error) facts.push(`the last attempt to connect failed: ${lastFailure.message}`)
  return new PoolTimeoutError(`pool.acquire: no connection became free within ${limitMs} ms: ${facts.join(', ')}`, {
    ...(isTracking && leases.length > 0 && { detail: describeHolders(leases) }),
    ...(leases.length > 0 && { hint: hintFor(isTracking) }),
    ...(lastFailure !== null && { cause: lastFailure }),
  })
}

/** The error of a `close` that had to take connections away from their holders. */
export function closeTimeout(limitMs: number, leases: readonly Lease[]): PoolTimeoutError {
  const all = eldestFirst(leases)
  const count = all.length === 1 ? '1 connection was' : `${all.length} connections were`
  return new PoolTimeoutError(`pool.close: ${count} not released within ${limitMs} ms and terminated`, {
    detail: describeHolders(all),
  })
}

function hintFor(isTracking: boolean): string {
  const advice = 'release what is acquired, sooner; do not acquire a second one while holding the first; raise maxSize'
  return isTracking ? advice : `${advice}. createPool({ trackLeases: true }) tells where each was acquired`
}

function eldestFirst(leases: readonly Lease[]): Lease[] {
  return [...leases].sort((one, other) => one.sinceMs - other.sinceMs)
}

function describeHolders(leases: readonly Lease[]): string {
  const told = leases.slice(0, MOST_HOLDERS).map((lease) => {
    const activity = lease.session.isRunning ? 'running a statement' : 'idle'
    const line = `backend ${lease.session.backendPid}: in use for ${seconds(lease)}, ${activity}`
    return lease.place === null ? line : `${line}, acquired\n${lease.place}`
  })
  const rest = leases.length - told.length
  if (rest > 0) told.push(`and ${rest} more`)
  return told.join('\n')
}

function seconds({ sinceMs }: Lease): string {
  return `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`
}

/** The stack of whoever called `callee`, without what lies above it. */
export function callersStack(callee: (...args: never[]) => unknown): string {
  const holder: { stack?: string } = {}
  Error.captureStackTrace(holder, callee)
  const frames = (holder.stack ?? '').split('\n').slice(1, 1 + MOST_FRAMES)
  return frames.join('\n')
}
