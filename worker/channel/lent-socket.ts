/**
 * The socket of a session while the caller owns it. The caller writes and reads by the file descriptor, which the worker has
 * opened. When the worker dies, the kernel closes the descriptor and may give its number to another file. So the worker
 * notes the device and inode of the socket when the session opens, and the caller compares them before each use.
 */
import { type Stats, fstatSync, readSync, writeSync } from 'node:fs'
import { WORD } from './layout.ts'

/** A lent socket, as a session uses it. The explorer of test/worker/ has its own implementation. */
export interface SocketAccess {
  /** Whether the descriptor is still the socket that the worker lent. */
  isSame(): boolean
  /** @returns how many bytes the kernel took; 0 also when the write failed. */
  write(bytes: Uint8Array): number
  /**
   * Reads without waiting.
   * @returns how many bytes were read; 0 when none have come or the read failed; -1 at the end of the connection.
   */
  read(into: Uint8Array): number
}

export class LentSocket implements SocketAccess {
  readonly #words: Int32Array
  /** The last result of `fstat`. Keeping it alive makes V8 keep its hidden class: see `bytes/keep-class.ts`. */
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
      // The socket's buffer is full, or the connection is broken. The worker writes again and reports an error.
      return 0
    }
  }

  read(into: Uint8Array): number {
    try {
      return readSync(this.#fd, into, 0, into.length, null) || -1
    } catch {
      // Nothing has come yet, or the connection is broken. The error is not examined here: each one is a new object, and V8
      // would throw away the optimized code of this function again and again.
      return 0
    }
  }

  get #fd(): number {
    return Atomics.load(this.#words, WORD.descriptor) - 1
  }
}

/** Notes device and inode of the socket. The worker calls it once, before it lends the socket for the first time. */
export function noteDescriptor(words: Int32Array, fd: number): void {
  const stats = statsOf(fd)
  if (stats === null) return
  Atomics.store(words, WORD.device, stats.dev | 0)
  Atomics.store(words, WORD.inodeLow, stats.ino | 0)
  Atomics.store(words, WORD.inodeHigh, (stats.ino / 2 ** 32) | 0)
  Atomics.store(words, WORD.descriptor, fd + 1)
}

/** @returns null when the descriptor is no socket, or the system cannot tell. */
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
