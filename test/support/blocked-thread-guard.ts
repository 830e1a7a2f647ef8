/**
 * Ends a test process whose main thread blocks for long. It is loaded for every test file and started once in each
 * process. vitest's time limits are timers, and a thread that blocks forever, as the synchronous API does when it is
 * broken, fires none. So a second thread watches the heartbeat of the first. It ends the process when the heartbeat
 * stops for long, or when the test run that started the process is gone.
 */
import { Worker } from 'node:worker_threads'

import { beforeEach, expect } from 'vitest'

const BEAT_EVERY_MS = 100
const LOOK_EVERY_MS = 250
const LIMIT_MS = Number(process.env['SYNCPG_TEST_BLOCK_LIMIT_MS'] ?? 45_000)

// The guard counts its checks and does not measure time: on a busy machine this thread is delayed too, and must not
// blame the other.
const GUARD_SCRIPT = `
const { writeSync } = require('node:fs')
const { parentPort, workerData } = require('node:worker_threads')
const beat = new Int32Array(workerData.beat)
let lastBeat = -1
let looksWithoutBeat = 0
let place = 'before the first test'
parentPort.on('message', (message) => { place = message })
function look() {
  if (process.ppid !== workerData.parentProcessId) process.kill(process.pid, 'SIGKILL')
  const current = Atomics.load(beat, 0)
  looksWithoutBeat = current === lastBeat ? looksWithoutBeat + 1 : 0
  lastBeat = current
  if (looksWithoutBeat < workerData.looks) return
  writeSync(2, '\\nThe main thread has been blocked for ' + workerData.limitMs + ' ms; its process is killed. It was in: ' + place + '\\n')
  process.kill(process.pid, 'SIGKILL')
}
setInterval(look, workerData.lookEveryMs)
`

function startGuard(): Worker {
  const beat = new SharedArrayBuffer(4)
  const counter = new Int32Array(beat)
  setInterval(() => Atomics.add(counter, 0, 1), BEAT_EVERY_MS).unref()
  const started = new Worker(GUARD_SCRIPT, {
    eval: true,
    workerData: {
      beat,
      parentProcessId: process.ppid,
      limitMs: LIMIT_MS,
      looks: Math.ceil(LIMIT_MS / LOOK_EVERY_MS),
      lookEveryMs: LOOK_EVERY_MS,
    },
  })
  started.unref()
  return started
}

// If files share a process, this module is loaded for each of them, and one guard is enough.
const processWide = globalThis as { syncpgTestGuard?: Worker }
const guard = (processWide.syncpgTestGuard ??= startGuard())

beforeEach(() => {
  const { testPath, currentTestName } = expect.getState()
  guard.postMessage(`${testPath ?? 'an unknown file'} > ${currentTestName ?? 'an unnamed test'}`)
})
