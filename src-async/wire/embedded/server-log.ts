/**
 * What PostgreSQL writes to its log while it starts. PGlite throws the same few words for every failed start; the log says
 * why. Only the first line that ends the server is kept, with its details.
 */
import { OperationalError } from '../../errors/tree.ts'

/** Begins a message of the log: time, process number in brackets, severity. */
const LINE = /^\S+ \S+ \S+ \[\d+\] ([A-Z]+): {2}(.*)$/s
/** Where PGlite's PostgreSQL sees the data directory. */
const INNER_DIRECTORY = '/pglite/data'

/** What to do, by the words of the C library at the end of the reason. */
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

  /** The error of a start that failed. */
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
