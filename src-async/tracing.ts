/**
 * Publishes queries on Node's `diagnostics_channel`, for monitoring tools. The channels are
 * `tracing:syncpg:query:start`, `:end`, `:asyncStart`, `:asyncEnd` and `:error`. Messages have `{ query, backendPid }`,
 * and `result` or `error` when there is one. Without subscribers it costs one check of a flag.
 */
import { tracingChannel } from 'node:diagnostics_channel'

/** The message about a query. It has no arguments, because traces are stored and many people can read them. */
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

  /** Runs a query and publishes its messages. */
  trace<T>(context: QueryTrace, run: () => Promise<T>): Promise<T> {
    return tracing.hasSubscribers ? channel.tracePromise(run, context) : run()
  },
}
