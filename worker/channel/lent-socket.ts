/**
 * The socket of a session while the caller owns it: writes to it and looks for what has come, by its descriptor. The
 * descriptor is the worker's. It is closed when the worker dies, and its number may be given to any file after that; so the
 * worker notes what it is when the session opens, and each use begins with a comparison.
 */
import { type Stats, fstatSync, readSync, writeSync } from 'node:fs'
import { WORD } from './layout.ts'

/** What a session needs of a lent socket. The explorer of test/worker/ has one of its own. */
export interface SocketAccess {
  /** Whether the descriptor still is the socket that was lent. */
  isSame(): boolean
  /** @returns the bytes the kernel took: 0 where it took none, for whatever reason. */
  write(bytes: Uint8Array): number
  /** Looks for bytes; does not wait. @returns how many were read; 0 where there are none; -1 at the end of the connection. */
  read(into: Uint8Array): number
}

export class LentSocket implements SocketAccess {
  readonly #words: Int32Array
  /** The last answer of `fstat`, kept for the sake of its hidden class: see `Kept`. */
  protected stats: Stats | null = null

  constructor(words: Int32Array) {
    this.#words = words
  }

  isSame(): boolean {
    try {
      const stats = fstatSync(this.#fd)
      this.stats = stats
      return isNoted(this.#words, stats)
    } catch {
      return false
    }
  }

  write(bytes: Uint8Array): number {
    try {
      return writeSync(this.#fd, bytes)
    } catch {
      // Full, or broken. The worker tries again, finds out which it is and says so.
      return 0
    }
  }

  read(into: Uint8Array): number {
    try {
      return readSync(this.#fd, into, 0, into.length, null) || -1
    } catch {
      // Nothing yet, or broken. A look at the error, a new one each time, would make V8 compile this again and again.
      return 0
    }
  }

  get #fd(): number {
    return Atomics.load(this.#words, WORD.descriptor) - 1
  }
}

/** Notes the socket to be lent. Called by the worker, once, before it lends for the first time. */
export function noteDescriptor(words: Int32Array, fd: number): void {
  const stats = statsOf(fd)
  if (stats === null) return
  Atomics.store(words, WORD.device, stats.dev | 0)
  Atomics.store(words, WORD.inodeLow, stats.ino | 0)
  Atomics.store(words, WORD.inodeHigh, (stats.ino / 2 ** 32) | 0)
  Atomics.store(words, WORD.descriptor, fd + 1)
}

/** null where it is no socket, or where the system cannot say. */
function statsOf(fd: number): Stats | null {
  if (fd < 0) return null
  try {
    const stats = fstatSync(fd)
    return stats.isSocket() ? stats : null
  } catch {
    return null
  }
}

function isNoted(words: Int32Array, stats: Stats): boolean {
  return (
    (stats.ino | 0) === Atomics.load(words, WORD.inodeLow) &&
    ((stats.ino / 2 ** 32) | 0) === Atomics.load(words, WORD.inodeHigh) &&
    (stats.dev | 0) === Atomics.load(words, WORD.device) &&
    stats.isSocket()
  )
}
