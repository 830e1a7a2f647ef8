/** Blocking conversations with the terminal: lines of data, passwords, and waits that Ctrl-C ends. */
import { constants, openSync, readSync } from 'node:fs'
import { Script } from 'node:vm'
import { Interruption } from '../print/complaint.ts'
import { type DataPiece, type DataSource, pieceOf } from './input.ts'
import { complain } from './output.ts'

const pause = new Int32Array(new SharedArrayBuffer(4))
const SLEEP = Symbol.for('syncpg.sleep')
let script: Script | null = null

/** Waits. @returns false when Ctrl-C has ended it. */
export function sleepInterruptibly(milliseconds: number): boolean {
  return runInterruptibly(() => void Atomics.wait(pause, 0, 0, milliseconds))
}

/** @returns false when Ctrl-C has ended it. */
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
 * What is typed as the data of a COPY, or as an answer. What was pasted, or typed ahead, with the statement comes first. After
 * a COPY that has failed it goes on to `\.` all the same: what is typed until then is no statement.
 */
export class TerminalSource implements DataSource {
  /** Text that came before it was asked for, and was not read by the line editor. */
  readonly #typedAhead: () => string
  #waiting = ''
  #isAnnounced = false

  constructor(typedAhead: () => string) {
    this.#typedAhead = typedAhead
  }

  /** Reads only what is there: nobody is asked for the data of a COPY that was refused. */
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
    // It was typed while nothing showed it.
    complain(line)
    if (lineEnd >= 0) complain('\n')
    if (lineEnd >= 0) return line
    const rest = readTerminalLine()
    return rest === null ? (line === '' ? null : line) : line + rest
  }

  unread(text: string): void {
    this.#waiting = text + this.#waiting
  }

  /** What nobody has read: it is typed text again. */
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
 * A line from the terminal, cooked, without its end; null at the end of the input.
 * @throws Interruption for Ctrl-C: what has been typed of the line is forgotten.
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

/** Asks for a password, which is not shown. @returns null when Ctrl-C or Ctrl-D is the answer. */
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
 * The terminal, opened anew so that a read never waits: Ctrl-C could not end a read that does. Programs that were started with
 * the standard input leave that one waiting.
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
