/**
 * Where results go: a file descriptor, a file or a command's input, written by blocking and in large pieces. A reader
 * that has gone away (`| head`) ends the program without a word, as it ends psql.
 */
import { spawnSync } from 'node:child_process'
import { closeSync, openSync, writeSync } from 'node:fs'
import { constants } from 'node:os'

const PIECE_CHARACTERS = 64 * 1024
/** What a shell reports of a program that SIGPIPE has ended. */
const BROKEN_PIPE_STATUS = 128 + constants.signals.SIGPIPE
const pause = new Int32Array(new SharedArrayBuffer(4))

export class Output {
  readonly #file: number
  readonly #command: string | null
  readonly #isOwn: boolean
  #waiting = ''
  readonly #collected: Buffer[] = []

  private constructor(file: number, command: string | null, isOwn: boolean) {
    this.#file = file
    this.#command = command
    this.#isOwn = isOwn
  }

  /** The standard output. */
  static standard(): Output {
    return new Output(1, null, false)
  }

  /** A file by its path, or `|command`. @throws the file system's error. */
  static open(target: string): Output {
    if (target.startsWith('|')) return new Output(-1, target.slice(1), true)
    return new Output(openSync(target, 'w'), null, true)
  }

  get isStandard(): boolean {
    return !this.#isOwn
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

  close(): void {
    this.flush()
    if (this.#command !== null) {
      const input = Buffer.concat(this.#collected)
      spawnSync(this.#command, { shell: true, input, stdio: ['pipe', 'inherit', 'inherit'] })
    } else if (this.#isOwn) {
      closeSync(this.#file)
    }
  }

  #put(bytes: Uint8Array): void {
    if (this.#command === null) writeAll(this.#file, bytes)
    else this.#collected.push(Buffer.from(bytes))
  }
}

/** Writes all of it, waiting where the other end is slow. */
export function writeAll(file: number, bytes: Uint8Array): void {
  hideStatus()
  writePlainly(file, bytes)
}

function writePlainly(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(file, bytes, at)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code === 'EPIPE') process.exit(BROKEN_PIPE_STATUS)
      if (code !== 'EAGAIN') throw error
      Atomics.wait(pause, 0, 0, 5)
    }
  }
}

let isStatusShown = false
const CLEAR_LINE = '\r\u001b[K'

/** Shows a line on the terminal that is the standard error, until it is hidden or anything else is printed. */
export function showStatus(text: string): void {
  isStatusShown = true
  // A line that wraps could not be taken away.
  const room = Math.max(1, (process.stderr.columns ?? 80) - 1)
  writePlainly(2, Buffer.from(`${CLEAR_LINE}${text.slice(0, room)}`))
}

export function hasStatus(): boolean {
  return isStatusShown
}

export function hideStatus(): void {
  if (!isStatusShown) return
  isStatusShown = false
  writePlainly(2, Buffer.from(CLEAR_LINE))
}

/** Writes to the standard error output at once. */
export function complain(text: string): void {
  writeAll(2, Buffer.from(text))
}
