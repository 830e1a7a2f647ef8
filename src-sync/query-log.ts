/**
 * Reports the program's queries on a blocking connection to query loggers and to Node's `diagnostics_channel`. The
 * channels are those of `syncpg/async`: `tracing:syncpg:query:start`, `:end` and `:error`. Messages have `{ query,
 * backendPid }`, and `result` or `error` when there is one. Without loggers and subscribers it costs one check of a
 * flag.
 */
import { tracingChannel } from 'node:diagnostics_channel'
import { nextTick } from 'node:process'
import { type LoggedQuery, QueryLoggers, rowsOf } from '../src-async/flows/query-log.ts'

/** The parts of a log entry that are known before the query runs. */
export interface LoggableQuery {
  readonly sql: string
  /** null when there are none. */
  readonly values: unknown
}

const NO_VALUES: readonly unknown[] = []

const channel = tracingChannel<unknown, { query: string; backendPid: number }>('syncpg:query')

export class QueryLog {
  readonly loggers = new QueryLoggers()
  /** Whether loggers are being called. Their own queries are not logged, because that would never end. */
  #isLogging = false

  get isWatched(): boolean {
    return !this.#isLogging && (this.loggers.size > 0 || hasSubscribers())
  }

  /** Runs a query and reports it. @throws the query's error. */
  report<T>({ sql, values }: LoggableQuery, backendPid: number, run: () => T): T {
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
    this.#isLogging = true
    try {
      this.loggers.log(query, callSafely)
    } finally {
      this.#isLogging = false
    }
  }
}

function hasSubscribers(): boolean {
  return channel.start.hasSubscribers || channel.end.hasSubscribers || channel.error.hasSubscribers
}

/** Calls a logger. An error that it throws does not fail the query: it becomes an uncaught exception of the process. */
function callSafely(listener: () => unknown): void {
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
