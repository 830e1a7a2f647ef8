/**
 * Marks the request of a flow that runs the program's statement. A pipeline sends marked requests in the order of the
 * calls; other requests, such as descriptions, may be sent earlier.
 */
const executions = new WeakSet<object>()

/** Marks a request before it is sent. */
export function markExecution(request: object): void {
  executions.add(request)
}

/** Whether a request runs a statement of the program. */
export function isExecution(request: object): boolean {
  return executions.has(request)
}
