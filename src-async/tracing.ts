/**
 * Node's `diagnostics_channel` for those who watch from outside: `tracing:syncpg:query:start`, `…:asyncEnd`, `…:error`
 * and their kin carry `{ query, backendPid }`, and `result` or `error` when there is one. Costs a look at a flag when
 * nobody listens.
 */
import { tracingChannel } from 'node:diagnostics_channel'

/** What subscribers are told of a query. Arguments are not among it: traces are kept, and may be read by anybody. */
export interface QueryTrace {
  readonly query: string
  readonly backendPid: number
}

const channel = tracingChannel<unknown, QueryTrace>('syncpg:query')
const parts = [channel.start, channel.end, channel.asyncStart, channel.asyncEnd, channel.error]

export const tracing = {
  get hasSubscribers(): boolean {
    return parts.some((part) => part.hasSubscribers)
  },

  /** Runs the query within its trace. */
  trace<T>(context: QueryTrace, run: () => Promise<T>): Promise<T> {
    return tracing.hasSubscribers ? channel.tracePromise(run, context) : run()
  },
}
