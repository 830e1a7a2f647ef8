// Cancels a statement from a SIGINT listener: `node cancel-on-signal.mjs [dsn]`, then press Ctrl-C.
// The blocking connection is in a worker thread. The main thread does not block, so its listener runs at once.
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import * as db from 'syncpg'

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url), { workerData: { dsn: process.argv[2] } })
  worker.once('message', (token) => process.on('SIGINT', () => db.cancel(token)))
} else {
  const con = db.connect(workerData.dsn, { autocommit: true })
  parentPort.postMessage(con.cancelToken())
  try {
    con.execute('select pg_sleep(60)')
  } catch (error) {
    if (!(error instanceof db.QueryCanceledError)) throw error
    console.log('The statement was canceled; the next one answers', con.fetchval('select 42'))
  }
  con.close()
}
