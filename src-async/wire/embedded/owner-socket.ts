/**
 * A Unix socket in a data directory that shows whether its owner is alive. The owner listens on it. The kernel accepts a
 * connection while the owner's thread is alive, even when that thread runs WebAssembly and serves no events, and refuses
 * it from the moment the thread or its process ends, however they end. The kernel finds the socket by its file, so a
 * process in another container that shares the directory gets the same answer.
 */
import { closeSync, constants, openSync, renameSync, rmSync } from 'node:fs'
import { type Server, connect, createServer } from 'node:net'
import { join } from 'node:path'

/** macOS allows 104 bytes with the zero at the end, Linux 108. Node cuts a longer path without an error. */
const LONGEST_PATH_BYTES = 103

/** The answer of a socket. `unknown` means that there is no socket of this name, or that connecting to it failed otherwise. */
export type SocketAnswer = 'listening' | 'refused' | 'unknown'

export class OwnerSocket {
  readonly name: string
  readonly #path: string
  readonly #server: Server

  private constructor(name: string, path: string, server: Server) {
    this.name = name
    this.#path = path
    this.#server = server
  }

  /**
   * Listens on a socket of a new name in the directory.
   * @returns null where the platform or the file system has no Unix sockets
   */
  static async open(directory: string, name: string): Promise<OwnerSocket | null> {
    if (process.platform === 'win32') return null
    const server = createServer((connection) => connection.destroy())
    const draft = `${name}.new`
    try {
      await withShortPath(directory, draft, (path) => listening(server, path))
      // Node removes a socket's file when its thread ends, but only under the name that it was bound to. Under a second name
      // the file stays, and connecting to it is refused. Without the file it would be unknown whether the owner has ended.
      renameSync(join(directory, draft), join(directory, name))
    } catch {
      server.close()
      rmSync(join(directory, draft), { force: true })
      return null
    }
    server.unref()
    return new OwnerSocket(name, join(directory, name), server)
  }

  close(): void {
    rmSync(this.#path, { force: true })
    this.#server.close()
  }
}

/** Asks the kernel whether a process listens on a socket of the directory. */
export async function askSocket(directory: string, name: string): Promise<SocketAnswer> {
  try {
    return await withShortPath(directory, name, answerAt)
  } catch {
    return 'unknown'
  }
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    // Without `exclusive`, in a process of node:cluster, the primary would listen, and it may live longer than this one.
    server.listen({ path, exclusive: true }, () => {
      server.off('error', reject)
      // Accepting fails when the process has no descriptor left. That does no harm: the other side is already connected.
      server.on('error', () => {})
      resolve()
    })
  })
}

function answerAt(path: string): Promise<SocketAnswer> {
  return new Promise((resolve) => {
    const connection = connect({ path })
    connection.once('connect', () => {
      connection.destroy()
      resolve('listening')
    })
    connection.once('error', ({ code }: NodeJS.ErrnoException) => {
      // EAGAIN means that a process listens, but several hundred connections wait to be accepted.
      resolve(code === 'ECONNREFUSED' ? 'refused' : code === 'EAGAIN' ? 'listening' : 'unknown')
    })
  })
}

/** Runs with a path that fits into a socket address. On Linux a long path is replaced by one through a file descriptor. */
async function withShortPath<T>(directory: string, name: string, run: (path: string) => Promise<T>): Promise<T> {
  const path = join(directory, name)
  if (Buffer.byteLength(path) <= LONGEST_PATH_BYTES) return run(path)
  if (process.platform !== 'linux') throw new Error('the path is too long for a socket')
  const folder = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    return await run(`/proc/self/fd/${folder}/${name}`)
  } finally {
    closeSync(folder)
  }
}
