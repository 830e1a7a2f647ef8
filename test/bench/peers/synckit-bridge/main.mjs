/** pg made blocking by hand: synckit, a worker with a client, rows by structured clone. Twenty lines many projects have. */
import { fileURLToPath } from 'node:url'
import { createSyncFn } from 'synckit'

export async function open(target) {
  const call = createSyncFn(fileURLToPath(new URL('worker.mjs', import.meta.url)))
  call('open', target)
  return {
    isBlocking: true,
    one: (sql) => call('query', sql)[0],
    rows: (sql) => call('query', sql),
    command: (sql) => call('query', sql),
    insertMany(sql, records) {
      call('query', 'begin')
      for (const record of records) call('query', sql, record)
      call('query', 'commit')
    },
    close: () => call('close'),
  }
}
