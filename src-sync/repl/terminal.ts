/** Blocking conversations with the terminal: lines of data, passwords, and waits that Ctrl-C ends. */
import { readSync } from 'node:fs'
import { Script } from 'node:vm'
import { complain } from './output.ts'

const pause = new Int32Array(new SharedArrayBuffer(4))
const SLEEP = Symbol.for('syncpg.sleep')
let script: Script | null = null

/** Waits. @returns false when Ctrl-C has ended it. */
export function sleepInterruptibly(milliseconds: number): boolean {
  script ??= new Script(`globalThis[Symbol.for('syncpg.sleep')]()`, { filename: 'syncpg:sleep' })
  const value = (): void => void Atomics.wait(pause, 0, 0, milliseconds)
  Object.defineProperty(globalThis, SLEEP, { value, configurable: true, enumerable: false })
  try {
    script.runInThisContext({ breakOnSigint: true })
    return true
  } catch {
    return false
  }
}

/** Lines typed at the terminal, up to `\\.` or the end of the input, also when a COPY has failed before: they are no statements. */
export class TerminalData implements Iterable<string> {
  readonly #prompt: string
  #isOver = false

  constructor(prompt: string) {
    this.#prompt = prompt
  }

  *[Symbol.iterator](): Generator<string, void, undefined> {
    for (let line = this.#next(); line !== null; line = this.#next()) yield `${line}\n`
  }

  skip(): void {
    while (this.#next() !== null);
  }

  #next(): string | null {
    if (this.#isOver) return null
    complain(this.#prompt)
    const line = readTerminalLine()
    this.#isOver = line === null || line === '\\.'
    return this.#isOver ? null : line
  }
}

/** A line from the terminal, cooked, without its end; null at the end of the input. */
export function readTerminalLine(): string | null {
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

function readByte(): number | null {
  const buffer = Buffer.alloc(1)
  for (;;) {
    try {
      return readSync(0, buffer) === 0 ? null : buffer[0]!
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code === 'EOF') return null
      if (code !== 'EAGAIN') throw error
      if (!sleepInterruptibly(20)) throw new Error('interrupted', { cause: error })
    }
  }
}
