/** Makes the timeout errors of a pool, which list the holders of its connections. */
import { PoolTimeoutError } from '../errors/client-errors.ts'
import type { Lease } from './lease.ts'

/** The error lists at most MOST_HOLDERS holders, and MOST_FRAMES lines of the stack of each. */
const MOST_HOLDERS = 10
const MOST_FRAMES = 6

/** The state of a pool at the moment of the error. */
export interface Occupancy {
  readonly leases: readonly Lease[]
  readonly maxSize: number
  readonly connecting: number
  /** Callers that wait, including the one that the error goes to. */
  readonly waiting: number
  /** The error of the last attempt to connect, when that failed; otherwise null. */
  readonly lastFailure: unknown
}

/** The error of an `acquire` that reached its time limit. */
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
    notStarted: true,
    ...(isTracking && leases.length > 0 && { detail: describeHolders(leases) }),
    ...(leases.length > 0 && { hint: hintFor(isTracking) }),
    ...(lastFailure !== null && { cause: lastFailure }),
  })
}

/** The error of a `close` that terminated connections which their holders had not released. */
export function closeTimeout(limitMs: number, leases: readonly Lease[]): PoolTimeoutError {
  const all = eldestFirst(leases)
  const count = all.length === 1 ? '1 connection was' : `${all.length} connections were`
  return new PoolTimeoutError(`pool.close: ${count} not released within ${limitMs} ms and terminated`, {
    detail: describeHolders(all),
  })
}

function hintFor(isTracking: boolean): string {
  const advice = 'release connections sooner; do not acquire a second one while holding the first; raise maxSize'
  return isTracking ? advice : `${advice}. createPool({ trackLeases: true }) tells where each was acquired`
}

function eldestFirst(leases: readonly Lease[]): Lease[] {
  return [...leases].sort((one, other) => one.sinceMs - other.sinceMs)
}

function describeHolders(leases: readonly Lease[]): string {
  const described = leases.slice(0, MOST_HOLDERS).map((lease) => {
    const activity = lease.session.isRunning ? 'running a statement' : 'idle'
    const line = `backend ${lease.session.backendPid}: in use for ${seconds(lease)}, ${activity}`
    return lease.place === null ? line : `${line}, acquired\n${lease.place}`
  })
  const rest = leases.length - described.length
  if (rest > 0) described.push(`and ${rest} more`)
  return described.join('\n')
}

function seconds({ sinceMs }: Lease): string {
  return `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`
}

/** The stack of the code that called `callee`, up to MOST_FRAMES lines. */
export function callersStack(callee: (...args: never[]) => unknown): string {
  const holder: { stack?: string } = {}
  Error.captureStackTrace(holder, callee)
  const frames = (holder.stack ?? '').split('\n').slice(1, 1 + MOST_FRAMES)
  return frames.join('\n')
}
