/** The query loggers of a connection, in both faces, and what they are called with. */
import { knownOptions, FLAG } from '../options/known-options.ts'
import { countOf } from './query.ts'

/** The argument of a query logger, which is called after the query. It never contains the connection's password. */
export interface LoggedQuery {
  /** The SQL text as the program wrote it. */
  readonly query: string
  /**
   * The arguments, or the iterable passed to `executemany`. undefined unless the logger was added with `{ args: true
   * }`.
   */
  readonly args: unknown
  /** Milliseconds from the start of the call to its end. */
  readonly elapsed: number
  /** Rows returned or affected; null after an error, and for a command that counts nothing. */
  readonly rowCount: number | null
  /** The error of the query; null when it succeeded. */
  readonly error: unknown
}

/** Called after each query of the program. */
export type QueryLogger = (query: LoggedQuery) => void

/** Options of `addQueryLogger`. */
export interface QueryLoggerOptions {
  /** True passes the arguments to the logger too. False by default, because logs are stored and read by many people. */
  readonly args?: boolean
}

export const QUERY_LOGGER_OPTIONS = knownOptions<QueryLoggerOptions>({ args: FLAG })

export class QueryLoggers {
  readonly #loggers = new Map<QueryLogger, QueryLoggerOptions>()

  get size(): number {
    return this.#loggers.size
  }

  add(logger: QueryLogger, options: QueryLoggerOptions = {}): void {
    this.#loggers.set(logger, options)
  }

  delete(logger: QueryLogger): void {
    this.#loggers.delete(logger)
  }

  clear(): void {
    this.#loggers.clear()
  }

  addTo(others: QueryLoggers): void {
    for (const [logger, options] of this.#loggers) others.add(logger, options)
  }

  /** @param call calls a logger, and handles the errors that it throws. */
  log(query: LoggedQuery, call: (listener: () => unknown) => void): void {
    const redacted = { ...query, args: undefined }
    for (const [logger, options] of [...this.#loggers]) call(() => logger(options.args === true ? query : redacted))
  }
}

/**
 * How many rows a query returned or affected, read from the result of a call of either face; null when nothing is
 * counted.
 */
export function rowsOf(result: unknown): number | null {
  if (typeof result === 'string') return countOf(result)
  if (Array.isArray(result)) return result.length
  if (result === null || typeof result !== 'object') return null
  const { rowCount, affectedRows, rows, tag } = result as { readonly [name: string]: unknown }
  if (typeof rowCount === 'number') return rowCount
  if (typeof affectedRows === 'number') return affectedRows < 0 ? null : affectedRows
  const counted = typeof tag === 'string' ? countOf(tag) : null
  return counted ?? (Array.isArray(rows) && rows.length > 0 ? rows.length : null)
}
