/**
 * A program at the other end of a pipe, read or written by blocking: what goes through is never held in memory as a whole.
 * Node has no blocking pipes to children, so the pipe is a FIFO that loses its name at once.
 */
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ShellError } from '../print/complaint.ts'

/** Runs the program, and tells its exit status on a pipe of its own, which the program does not get. */
const WRAPPER = '/bin/sh -c "$1" 3>&-; echo $? >&3'

interface Pipe {
  readonly reader: number
  readonly writer: number
}

export class ChildPipe {
  /** Its input or its output. */
  readonly file: number
  readonly #status: number
  #isOpen = true

  private constructor(file: number, status: number) {
    this.file = file
    this.#status = status
  }

  /** Starts a program whose input is written to `file`. */
  static writingTo(command: string): ChildPipe {
    const [data, status] = openPipes()
    start(command, [data.reader, 'inherit', 'inherit', status.writer])
    return new ChildPipe(data.writer, status.reader)
  }

  /** Starts a program whose output is read from `file`. */
  static readingFrom(command: string): ChildPipe {
    const [data, status] = openPipes()
    start(command, ['inherit', data.writer, 'inherit', status.writer])
    return new ChildPipe(data.reader, status.reader)
  }

  /** Closes this end and waits until the program has ended. @returns its exit status, as a shell counts: 128 + a signal. */
  close(): number {
    if (!this.#isOpen) return 0
    this.#isOpen = false
    closeSync(this.file)
    try {
      const text = readFileSync(this.#status, 'utf8')
      return text === '' ? 1 : Number.parseInt(text, 10)
    } finally {
      closeSync(this.#status)
    }
  }
}

/** psql's words for how a program ended that should have succeeded. */
export function describeExit(status: number): string {
  return status > 128
    ? `child process was terminated by signal ${status - 128}`
    : `child process exited with exit code ${status}`
}

/** Starts it; the ends that are given to it are closed here. */
function start(command: string, stdio: readonly (number | 'inherit')[]): void {
  try {
    const child = spawn('/bin/sh', ['-c', WRAPPER, 'sh', command], { stdio: [...stdio] })
    // Without a shell nobody tells a status: then that pipe ends, which says it too.
    child.on('error', () => {})
    child.unref()
  } finally {
    for (const file of stdio) if (typeof file === 'number') closeSync(file)
  }
}

/** Two pipes: for what goes through, and for the exit status. */
function openPipes(): [data: Pipe, status: Pipe] {
  const folder = mkdtempSync(join(tmpdir(), 'syncpg-pipe-'))
  try {
    const paths = [join(folder, 'data'), join(folder, 'status')] as const
    const { status, error } = spawnSync('mkfifo', ['-m', '600', ...paths], { stdio: 'ignore' })
    if (status !== 0) throw new ShellError(`could not make a pipe: ${error?.message ?? `mkfifo ended with ${status}`}`)
    return [openPipe(paths[0]), openPipe(paths[1])]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function openPipe(path: string): Pipe {
  // Whoever opens both ends at once waits for nobody, and with both open neither end waits for the other.
  const both = openSync(path, constants.O_RDWR)
  const reader = openSync(path, constants.O_RDONLY)
  const writer = openSync(path, constants.O_WRONLY)
  closeSync(both)
  return { reader, writer }
}
