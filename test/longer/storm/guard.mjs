/** The watchdog, a thread of its own: ends the process when a call takes longer than the bound, and says which call. */
import { writeSync } from 'node:fs'
import { workerData } from 'node:worker_threads'

import { BlackBox } from './black-box.mjs'

const { boxes, hangMs, label } = workerData
const watched = boxes.map((shared) => new BlackBox(shared))

setInterval(() => {
  for (const [thread, box] of watched.entries()) {
    const { runningMs } = box
    if (runningMs < hangMs) continue
    const events = box.lastEvents(box.connection).map((line) => `\n    ${line}`)
    writeSync(
      2,
      `HANG in ${label}, thread ${thread}, connection ${box.connection}: call ${box.calls} has taken ${runningMs} ms; its last events:${events.join('')}\n`,
    )
    process.kill(process.pid, 'SIGKILL')
  }
}, 500)
