/**
 * The worker's entry. synckit carries the rare calls (hand-over of shared memory); everything else goes through the
 * memory handed over. A worker that cannot go on says so in the host block and wakes whoever waits for it.
 */
import { readlinkSync } from 'node:fs'
import { threadId } from 'node:worker_threads'
import { runAsWorker } from 'synckit'
import { DEATH_TEXT_MAX_BYTES, DEATH_TEXT_OFFSET, HOST, HOST_WORDS } from './channel/layout.ts'
import type { ControlCall, ControlReply } from './channel/control.ts'
import { Host } from './host.ts'

let host: Host | null = null

runAsWorker((call: ControlCall): ControlReply => {
  switch (call.name) {
    case 'hello':
      host = new Host(call.shared, HOST_WORDS)
      watchOverDeath(host, call.shared)
      return { threadId, osThreadId: osThreadId() }
    case 'attach':
      host?.attach(call.sessionId, call.shared)
      return {}
    case 'lend':
      host?.lend(call.sessionId, call.shared)
      return {}
    case 'detach':
      host?.detach(call.sessionId)
      return {}
  }
})

function watchOverDeath(host: Host, shared: SharedArrayBuffer): void {
  const words = new Int32Array(shared, 0, HOST_WORDS)
  const say = (text: string): void => {
    if (Atomics.load(words, HOST.death) === 1) return
    const area = Buffer.from(shared, DEATH_TEXT_OFFSET, DEATH_TEXT_MAX_BYTES)
    Atomics.store(words, HOST.deathTextBytes, area.write(text))
    Atomics.store(words, HOST.death, 1)
    host.wakeAll()
  }
  const fall = (error: unknown): void => {
    say(error instanceof Error ? (error.stack ?? error.message) : String(error))
    process.exit(1)
  }
  process.on('uncaughtException', fall)
  process.on('unhandledRejection', fall)
  process.on('exit', (code) => say(`it exited with code ${code}`))
}

/** This thread's id as the kernel counts it, where the kernel says; 0 elsewhere. */
function osThreadId(): number {
  try {
    return Number(readlinkSync('/proc/thread-self').split('/').at(-1)) || 0
  } catch {
    return 0
  }
}
