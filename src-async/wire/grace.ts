/**
 * How long the server has to stop a statement after its time limit has passed, or after its caller has given it up. After that
 * the connection is closed, even if rows still arrive. This file imports nothing, because sessions and flows both need it.
 */
export const CANCEL_GRACE_MS = 5000

/**
 * Calls back after the event loop has read the sockets. Timers use it before they act: if the process was stopped or the loop
 * was busy, the timer is late, and the answer that it waits for may already have arrived.
 */
export function afterPoll(call: () => void): void {
  setImmediate(() => setImmediate(call))
}
