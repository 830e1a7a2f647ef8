/**
 * The worker's entry. synckit carries the rare calls that hand over shared memory. Everything else goes through that memory.
 * A worker that fails writes the reason into the host block and wakes the callers that wait for it.
 */
import { readlinkSync } from 'node:fs'
import { threadId } from 'node:worker_threads'
import { runAsWorker } from 'synckit'
import { openSession } from '../../src-async/wire/open-session.ts'
import {
  DEATH_TEXT_MAX_BYTES,
  DEATH_TEXT_OFFSET,
  HEARTBEAT_MS,
  HOST,
  HOST_WORDS,
  LAYOUT_VERSION,
  type SessionBlock,
  viewSessionBlock,
} from '../channel/layout.ts'
import type { ControlCall, ControlReply } from '../channel/control.ts'
import { runSteps } from '../turn/steps.ts'
import { Host, type HostLoop } from './host.ts'

let host: Host | null = null
const blocks = new Map<number, SessionBlock>()

const loop: HostLoop = {
  openSession,
  run: (steps) => runSteps(steps, ({ words, index, seen, timeoutMs }) => Atomics.wait(words, index, seen, timeoutMs)),
  whenMoved(words, index, seen, wake) {
    const waiting = Atomics.waitAsync(words, index, seen)
    if (waiting.async) void waiting.value.then(() => wake())
    else setImmediate(wake)
  },
  soon: (callback) => void setImmediate(callback),
  every(intervalMs, callback) {
    const timer = setInterval(callback, intervalMs)
    return () => clearInterval(timer)
  },
}

// A caller makes a call again when the answer takes long, so each call may come twice.
runAsWorker((call: ControlCall): ControlReply => {
  switch (call.name) {
    case 'hello':
      if (host === null) begin(call.shared)
      return { layoutVersion: LAYOUT_VERSION, threadId, osThreadId: osThreadId() }
    case 'attach':
      for (const number of call.dropped) blocks.delete(number)
      host?.attach(call.sessionId, blockOf(call.blockNumber, call.shared))
      return {}
    case 'array':
      host?.takeArray(call.sessionId, call.shared)
      return {}
  }
})

function begin(shared: SharedArrayBuffer): void {
  const words = new Int32Array(shared, 0, HOST_WORDS)
  host = new Host(words, loop)
  // This timer also keeps the worker alive: `Atomics.waitAsync` alone does not keep an event loop running.
  setInterval(() => Atomics.add(words, HOST.heartbeat, 1), HEARTBEAT_MS)
  reportDeath(host, words, shared)
}

/** The views of a block. They are made once, because a block serves many sessions, one after the other. */
function blockOf(number: number, shared: SharedArrayBuffer | undefined): SessionBlock {
  const known = blocks.get(number)
  if (known !== undefined) return known
  const block = viewSessionBlock(shared!)
  blocks.set(number, block)
  return block
}

function reportDeath(host: Host, words: Int32Array, shared: SharedArrayBuffer): void {
  const noteDeath = (text: string): void => {
    if (Atomics.load(words, HOST.death) === 1) return
    const area = Buffer.from(shared, DEATH_TEXT_OFFSET, DEATH_TEXT_MAX_BYTES)
    Atomics.store(words, HOST.deathTextBytes, area.write(text))
    Atomics.store(words, HOST.death, 1)
    host.wakeAll()
  }
  const crash = (error: unknown): void => {
    noteDeath(error instanceof Error ? (error.stack ?? error.message) : String(error))
    process.exit(1)
  }
  process.on('uncaughtException', crash)
  process.on('unhandledRejection', crash)
  process.on('exit', (code) => noteDeath(`it exited with code ${code}`))
}

/** This thread's id in the kernel, 0 where the kernel does not tell it. */
function osThreadId(): number {
  try {
    return Number(readlinkSync('/proc/thread-self').split('/').at(-1)) || 0
  } catch {
    return 0
  }
}
