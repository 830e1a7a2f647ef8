/**
 * A relay that counts round trips. In one round trip (`flights` in the code) a client sends all that it can before it
 * needs an answer. It runs in a worker, because a blocking call stops the event loop of its own thread.
 */
import { Worker } from 'node:worker_threads'

const COUNT = 0
const PORT = 1
const LATENCY_MS = 25

const RELAY = `
  const { workerData: { counted, host, port } } = require('node:worker_threads')
  const net = require('node:net')
  const relay = net.createServer((client) => {
    const upstream = net.connect(port, host)
    client.setNoDelay()
    upstream.setNoDelay()
    let isAnswered = true
    client.on('data', (chunk) => {
      if (isAnswered) Atomics.add(counted, ${COUNT}, 1)
      isAnswered = false
      upstream.write(chunk)
    })
    // The answer is delayed, so that the client has sent everything that does not need the answer. What the server
    // sends meanwhile is delivered together, because a busy server answers requests of one round trip in several pieces.
    let answers = []
    const deliver = () => {
      isAnswered = true
      client.write(Buffer.concat(answers))
      answers = []
    }
    upstream.on('data', (chunk) => {
      if (answers.length === 0) setTimeout(deliver, ${LATENCY_MS})
      answers.push(chunk)
    })
    // Either end may close first. The other end is closed then.
    client.on('error', () => {}).on('close', () => upstream.destroy())
    upstream.on('error', () => {}).on('close', () => client.destroy())
  }).listen(0, '127.0.0.1', () => {
    Atomics.store(counted, ${PORT}, relay.address().port)
    Atomics.notify(counted, ${PORT})
  })
`

/** Starts a relay to a server. It does not keep the process alive. @returns its port, and `flights()`, how many it has counted */
export function startCountingRelay({ host, port }) {
  const counted = new Int32Array(new SharedArrayBuffer(8))
  new Worker(RELAY, { eval: true, execArgv: [], workerData: { counted, host, port } }).unref()
  Atomics.wait(counted, PORT, 0)
  return { port: counted[PORT], flights: () => Atomics.load(counted, COUNT) }
}
