/** Blocking input from the terminal: lines of data, passwords, and pauses that Ctrl-C ends. */
import { constants, openSync, readSync } from 'node:fs'
import { Script } from 'node:vm'
import { Interruption } from '../print/complaint.ts'
import { type DataPiece, type DataSource, pieceOf } from './input.ts'
import { complain } from './output.ts'

const pause = new Int32Array(new SharedArrayBuffer(4))
const SLEEP = Symbol.for('syncpg.sleep')
let script: Script | null = null

/** Waits. @returns false when Ctrl-C ended the wait. */
export function sleepInterruptibly(milliseconds: number): boolean {
  return runInterruptibly(() => void Atomics.wait(pause, 0, 0, milliseconds))
}

/** Runs a function. @returns false when Ctrl-C ended it. */
function runInterruptibly(value: () => void): boolean {
  script ??= new Script(`globalThis[Symbol.for('syncpg.sleep')]()`, { filename: 'syncpg:sleep' })
  Object.defineProperty(globalThis, SLEEP, { value, configurable: true, enumerable: false })
  try {
    script.runInThisContext({ breakOnSigint: true })
    return true
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_INTERRUPTED') throw failure
    return false
  }
}

/**
 * COPY data or answers typed on the terminal. Text that was pasted or typed ahead with the statement comes first. When a COPY
 * has failed, its data is still read up to `\.`, so that it is not taken for statements.
 */
export class TerminalSource implements DataSource {
  /** Returns text that was typed ahead and that the line editor has not read. */
  readonly #typedAhead: () => string
  #waiting = ''
  #isAnnounced = false

  constructor(typedAhead: () => string) {
    this.#typedAhead = typedAhead
  }

  /** Reads only text that is already there. For a refused COPY: the user is not asked for its data. */
  readonly quiet: DataSource = {
    readData: (isAtLineStart) => this.#takeWaiting(isAtLineStart),
    readLine: () => null,
    unread: (text) => this.unread(text),
  }

  readData(isAtLineStart: boolean): DataPiece | null {
    const waiting = this.#takeWaiting(isAtLineStart)
    if (waiting !== null) return waiting
    if (!this.#isAnnounced) {
      complain(
        'Enter data to be copied followed by a newline.\nEnd with a backslash and a period on a line by itself, or an EOF signal.\n',
      )
    }
    complain('>> ')
    const line = this.readLine()
    const piece = line === null ? null : pieceOf(`${line}\n`, isAtLineStart).piece
    this.#isAnnounced = piece !== null && !piece.isLast
    return piece
  }

  readLine(): string | null {
    this.#waiting += this.#typedAhead()
    const lineEnd = this.#waiting.indexOf('\n')
    const line = lineEnd < 0 ? this.#waiting : this.#waiting.slice(0, lineEnd)
    this.#waiting = lineEnd < 0 ? '' : this.#waiting.slice(lineEnd + 1)
    // The text was typed while the terminal did not show it, so it is printed now.
    complain(line)
    if (lineEnd >= 0) complain('\n')
    if (lineEnd >= 0) return line
    const rest = readTerminalLine()
    return rest === null ? (line === '' ? null : line) : line + rest
  }

  unread(text: string): void {
    this.#waiting = text + this.#waiting
  }

  /** Text that was not read. It goes back to the line editor. */
  takeRest(): string {
    const rest = this.#waiting
    this.#waiting = ''
    this.#isAnnounced = false
    return rest
  }

  #takeWaiting(isAtLineStart: boolean): DataPiece | null {
    if (this.#waiting === '') return null
    const { piece, rest } = pieceOf(this.#waiting, isAtLineStart)
    this.#waiting = rest
    return piece
  }
}

/**
 * A line from the terminal in cooked mode, without its line break; null at the end of the input.
 * @throws Interruption for Ctrl-C; the typed part of the line is lost.
 */
export function readTerminalLine(): string | null {
  let line: string | null = null
  const isDone = runInterruptibly(() => {
    line = readLineOfTerminal()
  })
  if (!isDone) throw new Interruption('canceled by user')
  return line
}

function readLineOfTerminal(): string | null {
  const bytes: number[] = []
  for (;;) {
    const byte = readByte()
    if (byte === null) return bytes.length === 0 ? null : Buffer.from(bytes).toString()
    if (byte === 0x0a) return Buffer.from(bytes).toString()
    bytes.push(byte)
  }
}

/** Asks for a password, which is not shown. @returns null when the user presses Ctrl-C or Ctrl-D. */
export function askPassword(question: string): string | null {
  complain(question)
  process.stdin.setRawMode(true)
  try {
    const bytes: number[] = []
    for (;;) {
      const byte = readByte()
      if (byte === null || byte === 0x03 || byte === 0x04) return null
      if (byte === 0x0a || byte === 0x0d) return Buffer.from(bytes).toString()
      if (byte === 0x7f || byte === 0x08) bytes.pop()
      else if (byte === 0x15) bytes.length = 0
      else bytes.push(byte)
    }
  } finally {
    process.stdin.setRawMode(false)
    complain('\n')
  }
}

/**
 * Opens the terminal again so that reading never blocks, because Ctrl-C cannot end a blocking read. The standard input is not
 * used, because child processes that share it may have made it blocking.
 */
function openTerminal(): number {
  try {
    return openSync('/dev/tty', constants.O_RDONLY | constants.O_NONBLOCK)
  } catch {
    return 0
  }
}

let terminal: number | null = null

function readByte(): number | null {
  const buffer = Buffer.alloc(1)
  terminal ??= openTerminal()
  for (;;) {
    try {
      return readSync(terminal, buffer) === 0 ? null : buffer[0]!
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code === 'EOF') return null
      if (code !== 'EAGAIN') throw error
      Atomics.wait(pause, 0, 0, 20)
    }
  }
}
