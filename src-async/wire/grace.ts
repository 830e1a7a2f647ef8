/**
 * How long a server has to stop a statement after its time limit has passed or its caller has given it up. The time runs
 * from that moment, whatever arrives meanwhile; when it is over, the connection is closed. Imports nothing, because both
 * the session and the flows need it.
 */
export const CANCEL_GRACE_MS = 5000

/**
 * Calls back when the event loop has looked at the sockets: a timer calls it before it acts. Where the process was stopped
 * or the loop was busy, the timer is late, and what it waits for may have arrived meanwhile.
 */
export function afterLook(call: () => void): void {
  setImmediate(() => setImmediate(call))
}
