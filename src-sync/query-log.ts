/**
 * Tells query loggers, and Node's `diagnostics_channel`, of the user's queries on a blocking connection. The channels are those of
 * `syncpg/async`: `tracing:syncpg:query:start`, `…:end` and `…:error` carry `{ query, backendPid }`, and `result` or `error` when
 * there is one. Costs a look at a flag when nobody listens.
 */
import { tracingChannel } from 'node:diagnostics_channel'
import { nextTick } from 'node:process'
import { type LoggedQuery, QueryLoggers, rowsOf } from '../src-async/flows/query-log.ts'

/** What loggers are told of a query before it runs. */
export interface LoggableQuery {
  readonly sql: string
  /** Null for none. */
  readonly values: unknown
}

const NO_VALUES: readonly unknown[] = []

const channel = tracingChannel<unknown, { query: string; backendPid: number }>('syncpg:query')

export class QueryLog {
  readonly loggers = new QueryLoggers()
  /** Whether loggers are being called: queries of theirs are told to nobody, or there would be no end of it. */
  #isTelling = false

  get isWatched(): boolean {
    return !this.#isTelling && (this.loggers.size > 0 || hasSubscribers())
  }

  /** Runs a query, and tells of it. @throws what it throws. */
  tell<T>({ sql, values }: LoggableQuery, backendPid: number, run: () => T): T {
    const startedMs = performance.now()
    let error: unknown = null
    let rowCount: number | null = null
    try {
      const result = hasSubscribers() ? channel.traceSync(run, { query: sql, backendPid }) : run()
      rowCount = rowsOf(result)
      return result
    } catch (caught) {
      error = caught
      throw caught
    } finally {
      this.#log({ query: sql, args: values ?? NO_VALUES, elapsed: performance.now() - startedMs, rowCount, error })
    }
  }

  #log(query: LoggedQuery): void {
    this.#isTelling = true
    try {
      this.loggers.log(query, callApart)
    } finally {
      this.#isTelling = false
    }
  }
}

function hasSubscribers(): boolean {
  return channel.start.hasSubscribers || channel.end.hasSubscribers || channel.error.hasSubscribers
}

/** Calls a logger; what it throws is not the query's, and is raised where the process hears it. */
function callApart(listener: () => unknown): void {
  const raise = (error: unknown): void =>
    nextTick(() => {
      throw error
    })
  try {
    const result = listener()
    if (result instanceof Promise) result.catch(raise)
  } catch (error) {
    raise(error)
  }
}
