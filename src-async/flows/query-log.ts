/** Query loggers of a connection, of either face: who is told of its queries, and what. */
import { knownOptions } from '../options/known-options.ts'
import { countOf } from './query.ts'

/** What a query logger is told, after the fact. Passwords of the connection are not among it. */
export interface LoggedQuery {
  /** The text as the program wrote it. */
  readonly query: string
  /** The arguments, or the iterable an `executemany` was given; undefined unless the logger asked for them. */
  readonly args: unknown
  /** Milliseconds, from the call to its end. */
  readonly elapsed: number
  /** Rows given or affected; null after an error, and where the command counts nothing. */
  readonly rowCount: number | null
  /** Null where there was none. */
  readonly error: unknown
}

/** Called after each query of the program. */
export type QueryLogger = (query: LoggedQuery) => void

/** What a query logger is told beside the text and the time. */
export interface QueryLoggerOptions {
  /** True: the logger is told the arguments too. Logs are kept and read by many: at first it is not. */
  readonly args?: boolean
}

export const QUERY_LOGGER_OPTIONS = knownOptions<QueryLoggerOptions>({ args: true })

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

  /** @param call calls a logger, and deals with what that throws. */
  log(query: LoggedQuery, call: (listener: () => unknown) => void): void {
    const redacted = { ...query, args: undefined }
    for (const [logger, options] of [...this.#loggers]) call(() => logger(options.args === true ? query : redacted))
  }
}

/** Rows of what a query gave, in the forms that the calls of both faces have them in; null where nothing is counted. */
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
