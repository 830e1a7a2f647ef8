/**
 * The destination of results: a file descriptor, a file or the input of a command, written by blocking calls and in large
 * pieces. When the reader of the standard output is gone (`| head`), the program ends silently, like psql. When a command that
 * the user started is gone, its remaining output is dropped, and the caller reports that.
 */
import { closeSync, openSync, writeSync } from 'node:fs'
import { constants } from 'node:os'
import { isatty } from 'node:tty'
import { ChildPipe } from './child-pipe.ts'

const PIECE_CHARACTERS = 64 * 1024
/** The exit status that a shell reports for a program ended by SIGPIPE. */
const BROKEN_PIPE_STATUS = 128 + constants.signals.SIGPIPE
const pause = new Int32Array(new SharedArrayBuffer(4))

export class Output {
  readonly #file: number
  readonly #child: ChildPipe | null
  readonly #isOwn: boolean
  readonly #isTerminal: boolean
  #waiting = ''
  #hasReader = true

  private constructor(file: number, child: ChildPipe | null, isOwn: boolean) {
    this.#file = file
    this.#child = child
    this.#isOwn = isOwn
    this.#isTerminal = !isOwn && isatty(file)
  }

  /** The standard output. */
  static standard(): Output {
    return new Output(1, null, false)
  }

  /** A file by its path, or `|command`. @throws the file system's error. */
  static open(target: string): Output {
    if (!target.startsWith('|')) return new Output(openSync(target, 'w'), null, true)
    const child = ChildPipe.writingTo(target.slice(1))
    return new Output(child.file, child, true)
  }

  /** Opens a file and keeps its content. @throws the file system's error. */
  static append(path: string): Output {
    return new Output(openSync(path, 'a'), null, true)
  }

  get isStandard(): boolean {
    return !this.#isOwn
  }

  /** Whether it is a terminal: then text from the server must not contain control characters. */
  get isTerminal(): boolean {
    return this.#isTerminal
  }

  readonly write = (text: string): void => {
    this.#waiting += text
    if (this.#waiting.length >= PIECE_CHARACTERS) this.flush()
  }

  writeBytes(bytes: Uint8Array): void {
    this.flush()
    this.#put(bytes)
  }

  flush(): void {
    if (this.#waiting === '') return
    const bytes = Buffer.from(this.#waiting)
    this.#waiting = ''
    this.#put(bytes)
  }

  /** Whether the command stopped reading, so that a part of its input is lost. */
  get isBroken(): boolean {
    if (this.#child !== null) this.flush()
    return !this.#hasReader
  }

  /** @returns the exit status of the command; 0 when it is not a command. */
  close(): number {
    try {
      this.flush()
    } finally {
      if (this.#isOwn && this.#child === null) closeSync(this.#file)
    }
    return this.#child?.close() ?? 0
  }

  #put(bytes: Uint8Array): void {
    if (this.#child === null) return writeAll(this.#file, bytes)
    if (this.#hasReader) this.#hasReader = writePlainly(this.#file, bytes)
  }
}

/** Writes all bytes, and waits when the other end is slow. */
export function writeAll(file: number, bytes: Uint8Array): void {
  hideStatus()
  if (!writePlainly(file, bytes)) process.exit(BROKEN_PIPE_STATUS)
}

/** @returns false when there is no reader any more. */
function writePlainly(file: number, bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(file, bytes, at)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code === 'EPIPE') return false
      if (code !== 'EAGAIN') throw error
      Atomics.wait(pause, 0, 0, 5)
    }
  }
  return true
}

let isStatusShown = false
const CLEAR_LINE = '\r\u001b[K'

/** Shows a status line on standard error until it is hidden or something else is printed. */
export function showStatus(text: string): void {
  isStatusShown = true
  // A line that wraps could not be removed completely.
  const room = Math.max(1, (process.stderr.columns ?? 80) - 1)
  writeStatus(`${CLEAR_LINE}${text.slice(0, room)}`)
}

export function hasStatus(): boolean {
  return isStatusShown
}

export function hideStatus(): void {
  if (!isStatusShown) return
  isStatusShown = false
  writeStatus(CLEAR_LINE)
}

function writeStatus(text: string): void {
  if (!writePlainly(2, Buffer.from(text))) process.exit(BROKEN_PIPE_STATUS)
}

/** Writes to the standard error output at once. */
export function complain(text: string): void {
  writeAll(2, Buffer.from(text))
}
