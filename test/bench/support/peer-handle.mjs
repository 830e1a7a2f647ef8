/** The parent's end of a peer's process: one request at a time, each with its reply. */
import { fork, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { PgbenchPeer } from './pgbench-handle.mjs'

const PYTHON = '/usr/bin/python3'
const ANSWER_TIMEOUT_MS = 120_000

/** Starts a peer's process. It opens a connection only on request. */
export function startPeer(peer) {
  if (peer.host === 'pgbench') return new PgbenchPeer()
  return peer.host === 'python' ? new PythonPeer(peer) : new NodePeer()
}

class PeerHandle {
  #waiting = null
  #stderr = ''

  constructor(child) {
    this.child = child
    child.stderr?.on('data', (text) => {
      this.#stderr = `${this.#stderr}${text}`.slice(-4000)
    })
    child.on('error', (error) => this.settle({ failure: error.message }))
    child.on('exit', (code, signal) =>
      this.settle({ failure: `its process ended (${signal ?? code}): ${lastLine(this.#stderr)}` }),
    )
  }

  /** @throws Error with the peer's own stack. */
  ask(message) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.child.kill('SIGKILL')
        this.settle({ failure: `no answer to ${message.name} within ${ANSWER_TIMEOUT_MS} ms` })
      }, ANSWER_TIMEOUT_MS)
      this.#waiting = ({ reply, failure }) => {
        clearTimeout(timer)
        if (failure === undefined) resolve(reply)
        else reject(new Error(failure))
      }
      this.send(message)
    })
  }

  settle(answer) {
    const waiting = this.#waiting
    this.#waiting = null
    waiting?.(answer)
  }

  /** Kills the process at once. */
  kill() {
    if (this.child.exitCode === null) this.child.kill('SIGKILL')
  }
}

class NodePeer extends PeerHandle {
  constructor() {
    super(
      fork(fileURLToPath(new URL('peer-process.mjs', import.meta.url)), {
        execArgv: ['--expose-gc'],
        stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
      }),
    )
    this.child.on('message', (answer) => this.settle(answer))
  }

  send(message) {
    this.child.send(message, (error) => {
      if (error) this.settle({ failure: error.message })
    })
  }
}

class PythonPeer extends PeerHandle {
  constructor(peer) {
    const script = fileURLToPath(new URL(`../peers/${peer.adapter}`, import.meta.url))
    if (!existsSync(PYTHON)) throw new Error(`there is no ${PYTHON}`)
    super(spawn(PYTHON, ['-u', script], { stdio: ['pipe', 'pipe', 'pipe'] }))
    this.child.stdin.on('error', () => {})
    createInterface({ input: this.child.stdout }).on('line', (line) => this.settle(JSON.parse(line)))
  }

  send(message) {
    this.child.stdin.write(`${JSON.stringify(message)}\n`)
  }
}

function lastLine(text) {
  return text.trimEnd().split('\n').at(-1)
}
