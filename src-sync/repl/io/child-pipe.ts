/**
 * A program at the other end of a pipe, read or written by blocking calls; the data is never in memory as a whole. Node has no
 * blocking pipes to child processes, so the pipe is a FIFO whose file name is removed at once.
 */
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ShellError } from '../print/complaint.ts'

/** A shell script: runs the program, and writes its exit status to a pipe that the program does not inherit. */
const WRAPPER = '/bin/sh -c "$1" 3>&-; echo $? >&3'

interface Pipe {
  readonly reader: number
  readonly writer: number
}

export class ChildPipe {
  /** The file descriptor of the program's input or output. */
  readonly file: number
  readonly #status: number
  #isOpen = true

  private constructor(file: number, status: number) {
    this.file = file
    this.#status = status
  }

  /** Starts a program that reads what is written to `file`. */
  static writingTo(command: string): ChildPipe {
    const [data, status] = openPipes()
    start(command, [data.reader, 'inherit', 'inherit', status.writer])
    return new ChildPipe(data.writer, status.reader)
  }

  /** Starts a program whose output can be read from `file`. */
  static readingFrom(command: string): ChildPipe {
    const [data, status] = openPipes()
    start(command, ['inherit', data.writer, 'inherit', status.writer])
    return new ChildPipe(data.reader, status.reader)
  }

  /** Closes this end and waits for the program to end. @returns its exit status as in a shell: 128 + n for signal n. */
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

/** psql's message for a program that ended with an error. */
export function describeExit(status: number): string {
  return status > 128
    ? `child process was terminated by signal ${status - 128}`
    : `child process exited with exit code ${status}`
}

/** Starts the program, and closes this process's copies of the ends given to it. */
function start(command: string, stdio: readonly (number | 'inherit')[]): void {
  try {
    const child = spawn('/bin/sh', ['-c', WRAPPER, 'sh', command], { stdio: [...stdio] })
    // If there is no shell, the status pipe is closed without a status, which `close` recognises.
    child.on('error', () => {})
    child.unref()
  } finally {
    for (const file of stdio) if (typeof file === 'number') closeSync(file)
  }
}

/** Makes two pipes: one for the data, one for the exit status. */
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
  // Opening one end of a FIFO waits for the other end. Opening both at once does not, and then neither end has to wait.
  const both = openSync(path, constants.O_RDWR)
  const reader = openSync(path, constants.O_RDONLY)
  const writer = openSync(path, constants.O_WRONLY)
  closeSync(both)
  return { reader, writer }
}
