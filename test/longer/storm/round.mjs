/**
 * One round, in a process of its own: walks in the main thread, or in four Workers at once. Started by ../storm.mjs,
 * which gives the plan as JSON and gets the tallies as a message. The process ends on request. Before that its sessions
 * must have left the server.
 */
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'

import { BlackBox } from './black-box.mjs'
import { Walk } from './walk.mjs'

/** A warning is expected for each connection that the program has lost; anything else is printed. */
process.on('warning', (warning) => {
  if (warning.name !== 'SyncpgWarning') process.stderr.write(`${warning.name}: ${warning.message}\n`)
})

if (isMainThread) await runRound(JSON.parse(process.argv[2]))
else parentPort.postMessage(await new Walk(workerData).run())

async function runRound({ workers, threads, owner, calls, seconds, hangMs, ...plan }) {
  const boxes = Array.from({ length: threads }, () => new BlackBox().shared)
  const guard = new Worker(new URL('./guard.mjs', import.meta.url), {
    workerData: { boxes, hangMs, label: plan.label },
  })
  guard.unref()
  const untilMs = Date.now() + seconds * 1000
  const walks = boxes.map((boxMemory, index) => {
    const walk = { ...plan, owner: owner + index, calls: Math.ceil(calls / threads), untilMs, boxMemory }
    return workers ? runInWorker(walk) : new Walk(walk).run()
  })
  const results = await Promise.all(walks)
  process.send({ results })
  process.once('message', () => process.exit(0))
}

function runInWorker(walk) {
  const worker = new Worker(new URL(import.meta.url), { workerData: walk })
  return new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', (code) => reject(new Error(`a walking thread ended with code ${code}`)))
  })
}
