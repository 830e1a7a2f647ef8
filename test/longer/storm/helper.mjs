/** The third thread of a walk: cancels by token and ends backends, after a delay, while the walking thread is blocked. */
import { parentPort, workerData } from 'node:worker_threads'

import * as db from 'syncpg'

const { dsn, shared } = workerData
const done = new Int32Array(shared)
const pause = new Int32Array(new SharedArrayBuffer(4))
const con = db.connect(dsn, { autocommit: true })

function say(id) {
  Atomics.store(done, 0, id)
  Atomics.notify(done, 0)
}

parentPort.on('message', ({ kind, id, delayMs, token, pid }) => {
  if (delayMs > 0) Atomics.wait(pause, 0, 0, delayMs)
  if (kind === 'cancel') db.cancel(token)
  else if (kind === 'kill') con.fetchval('select pg_terminate_backend(%s)', [pid])
  else {
    con.close()
    parentPort.close()
  }
  say(id)
})
say(0)
