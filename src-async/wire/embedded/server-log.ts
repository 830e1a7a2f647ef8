/**
 * Finds the reason of a failed start in PostgreSQL's log, because PGlite throws the same short message for every failed start.
 * Keeps only the first line that ends the server, with its DETAIL lines.
 */
import { OperationalError } from '../../errors/tree.ts'

/** The first line of a log message: time, process id in brackets, severity. */
const LINE = /^\S+ \S+ \S+ \[\d+\] ([A-Z]+): {2}(.*)$/s
/** The path of the data directory inside PGlite. */
const INNER_DIRECTORY = '/pglite/data'

/** Hints, chosen by the text of the C library at the end of the reason. */
const HINTS: readonly (readonly [pattern: RegExp, hint: string])[] = [
  [/No space left|quota/i, 'free some space on the disk: nothing that was committed is lost'],
  [
    /Permission denied|not permitted|Read-only/i,
    'the directory and all that it holds must belong to this user, writable',
  ],
  [/configuration file/, 'correct the file, or remove the settings that were added to it'],
  [/(?:)/, 'if the directory is damaged, restore it from a backup'],
]

export class ServerLog {
  #reason: string | null = null
  #isDetailNext = false

  add(text: string): void {
    const [, severity, words] = LINE.exec(text) ?? []
    if (severity === undefined || words === undefined) return
    if (this.#reason === null && (severity === 'FATAL' || severity === 'PANIC')) {
      this.#reason = words
      this.#isDetailNext = true
    } else if (severity === 'DETAIL' && this.#isDetailNext) this.#reason += ` (${words})`
    else this.#isDetailNext = false
  }

  /** The error for a failed start. */
  startError(directory: string | null, cause: unknown): OperationalError {
    if (cause instanceof OperationalError) return cause
    const reason = this.#reason ?? (cause as Error).message
    if (directory === null) {
      return new OperationalError(`the embedded PostgreSQL could not be started in memory: ${reason}`, { cause })
    }
    const words = reason.replaceAll(INNER_DIRECTORY, directory)
    return new OperationalError(`the embedded PostgreSQL could not be started in "${directory}": ${words}`, {
      hint: HINTS.find(([pattern]) => pattern.test(reason))![1],
      cause,
    })
  }
}
