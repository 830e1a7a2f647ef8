/**
 * `connect('pglite:')` to the first row, in a new process each time: the import of the client, the start of the embedded
 * PostgreSQL, one statement. The warm-up is the first start on this machine. It stores the image, which the measured
 * starts use.
 */
import { runNodeScript } from '../support/node-script.mjs'

const EMBEDDED = { dsn: 'pglite:' }

export const workload = {
  name: 'embedded-first-row',
  title: "From import to the first row of connect('pglite:')",
  isProcess: true,
  transport: 'unix',
  unit: 'process',
  rounds: 7,
  only: ['syncpg', 'syncpg/async'],
  size: {},
  quickSize: {},
  operations: () => 1,
  prepare: () => ({ value: 1 }),
  entriesFor: (peers) =>
    [...peers, { name: 'PGlite itself', adapter: 'pglite.mjs' }].map((peer) => ({
      name: peer.name,
      async run() {
        const { workMs, ...figures } = await runNodeScript(peer, EMBEDDED)
        return { ...figures, elapsedMs: workMs }
      },
    })),
}
