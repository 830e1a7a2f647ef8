/**
 * PostgreSQL embedded in this thread (PGlite) as a transport. It gets only whole requests (all messages up to their
 * Sync): PGlite hangs on half a message, and ends on half a COPY. It has one backend, no TLS, no cancel and no
 * timers. The package is optional and loaded on demand. A data directory has one owner, which holds a lock on it from
 * before PGlite starts until after it has closed.
 */
import type { Transport, TransportEvents } from '../transport/transport.ts'
import { inspectDataDirectory, realDataDirectory } from './data-directory.ts'
import { type DataDirectoryLock, isLocked, isLockFile, lockDataDirectory } from './lock.ts'
import { type Pglite, startPglite } from './start.ts'

const NO_EVENTS: TransportEvents = { data() {}, drain() {}, closed() {} }

/**
 * Starts the embedded server.
 * @param dataDirectory a directory, which is made when it does not exist; null keeps all data in memory.
 * @throws OperationalError when the package is missing, the directory is in use or cannot be used.
 */
export async function openPgliteTransport(dataDirectory: string | null): Promise<PgliteTransport> {
  const directory = dataDirectory === null ? null : realDataDirectory(dataDirectory)
  // The directory is inspected before the lock is written into it, because it may hold other files. If it is locked already,
  // its owner may be changing it, so it is inspected later.
  if (directory !== null && !isLocked(directory)) inspectDataDirectory(directory, isLockFile, null)
  const lock = directory === null ? null : await lockDataDirectory(directory)
  try {
    return new PgliteTransport(await startPglite(directory), lock)
  } catch (cause) {
    lock?.release()
    throw cause
  }
}

export class PgliteTransport implements Transport {
  readonly sendsWholeFlights = true
  readonly #database: Pglite
  readonly #lock: DataDirectoryLock | null
  #events = NO_EVENTS
  readonly #flights: Uint8Array[] = []
  #isRunning = false
  #isEnding = false

  constructor(database: Pglite, lock: DataDirectoryLock | null) {
    this.#database = database
    this.#lock = lock
  }

  listen(events: TransportEvents): void {
    this.#events = events
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isEnding) return true
    this.#flights.push(new Uint8Array(bytes))
    // PGlite answers within its own call. In a microtask no other code of the session is running in the meantime.
    if (!this.#isRunning) {
      this.#isRunning = true
      queueMicrotask(() => void this.#runAll())
    }
    return true
  }

  /** Does nothing, because PGlite blocks the thread while it answers. */
  pause(): void {}

  resume(): void {}

  end(): void {
    this.#isEnding = true
    if (!this.#isRunning) void this.#shutDown(null)
  }

  destroy(): void {
    this.#flights.length = 0
    this.end()
  }

  async #runAll(): Promise<void> {
    let failure: Error | null = null
    try {
      for (let flight = this.#flights.shift(); flight !== undefined; flight = this.#flights.shift()) {
        await this.#database.execProtocolRawStream(flight, {
          syncToFs: false,
          onRawData: (bytes) => this.#events.data(bytes, 0, bytes.length),
        })
      }
    } catch (error) {
      failure = error as Error
    }
    this.#isRunning = false
    if (failure !== null || this.#isEnding) await this.#shutDown(failure)
  }

  async #shutDown(failure: Error | null): Promise<void> {
    this.#isEnding = true
    this.#isRunning = true
    const events = this.#events
    this.#events = NO_EVENTS
    try {
      await this.#database.close()
    } catch (error) {
      failure ??= error as Error
    } finally {
      this.#lock?.release()
    }
    events.closed(failure)
  }
}
