/**
 * Which of the operations of a flow is the one that runs its statement. A pipeline sends these in the order in which they were
 * asked for; what only looks something up may go before.
 */
const executions = new WeakSet<object>()

/** Marks the request of an `execute` that is about to be asked for. */
export function markExecution(request: object): void {
  executions.add(request)
}

/** Whether a request runs a statement of the program. */
export function isExecution(request: object): boolean {
  return executions.has(request)
}
