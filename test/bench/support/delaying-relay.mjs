/**
 * A relay that makes a server seem far away: each chunk, in either direction, arrives half a round trip after it was
 * sent, in order. It does not limit the bandwidth. It runs in a thread of its own, so that the benchmark's own work
 * does not delay it further.
 *
 * Node's timers are whole milliseconds, too coarse for half a millisecond. So the thread sleeps in slices of 50 µs if
 * a chunk is due within the next three milliseconds. Otherwise it waits by a timer.
 */
import { once } from 'node:events'
import { createServer, connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

const SLICE_MS = 0.05
const NEAR_MS = 3

/** @returns `{ port, close }`; the relay listens on 127.0.0.1. */
export async function startDelayingRelay({ host, port, roundTripMs }) {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { relay: { host, port, roundTripMs } } })
  const [ownPort] = await once(worker, 'message')
  return { port: ownPort, close: () => worker.terminate() }
}

function serve({ host, port, roundTripMs }) {
  const line = new DelayLine(roundTripMs / 2)
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ host, port, noDelay: true })
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ]) {
      from.on('data', (chunk) => line.add(() => to.write(chunk)))
      from.on('error', () => {})
      from.on('close', () => line.add(() => to.destroy()))
    }
  })
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))
}

/** Calls functions after the delay, in the order in which they were added. */
class DelayLine {
  #due = []
  #isRunning = false
  #slept = new Int32Array(new SharedArrayBuffer(4))

  constructor(delayMs) {
    this.delayMs = delayMs
  }

  add(call) {
    this.#due.push({ atMs: performance.now() + this.delayMs, call })
    if (this.#isRunning) return
    this.#isRunning = true
    this.#next()
  }

  #next = () => {
    while (this.#due.length > 0 && this.#due[0].atMs <= performance.now()) this.#due.shift().call()
    if (this.#due.length === 0) {
      this.#isRunning = false
      return
    }
    const leftMs = this.#due[0].atMs - performance.now()
    if (leftMs > NEAR_MS) {
      setTimeout(this.#next, leftMs - NEAR_MS)
      return
    }
    Atomics.wait(this.#slept, 0, 0, Math.min(SLICE_MS, Math.max(leftMs, 0)))
    // Between two slices the event loop reads chunks that have arrived, and each gets its time of arrival.
    setImmediate(this.#next)
  }
}

if (!isMainThread && workerData?.relay !== undefined) serve(workerData.relay)
