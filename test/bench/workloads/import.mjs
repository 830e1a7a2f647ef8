/**
 * How long the package takes to load, by `import` and by `require`, in a new process each time, compared with `pg`.
 * It needs no server.
 */
import { runNodeScript } from '../support/node-script.mjs'

/** Each entry: the package's entry point, and the build's files for `import` and for `require`. */
const DOORS = [
  ['syncpg', 'index.js', 'index.cjs'],
  ['syncpg/async', 'async.js', 'async.cjs'],
  ['syncpg/sqlite-shape', 'sqlite-shape.js', 'sqlite-shape.cjs'],
]

export const workload = {
  name: 'import',
  title: 'Loading the package, in a new process each time',
  isProcess: true,
  transport: 'unix',
  unit: 'process',
  rounds: 15,
  // The other clients of this package load the same files.
  only: ['syncpg', 'pg'],
  // A column of ratios for each way of loading would fill a page.
  ratiosTo: ['syncpg: import', 'syncpg/async: import'],
  size: {},
  quickSize: {},
  operations: () => 1,
  prepare: () => ({}),
  entriesFor: (peers) =>
    peers.flatMap((peer) => {
      const [, other = ''] = peer.name.split('@')
      const suffix = other === '' ? '' : `@${other}`
      const loads =
        peer.dist === undefined
          ? [[peer.name, peer.name, peer.name]]
          : DOORS.map(([name, ...files]) => [`${name}${suffix}`, ...files.map((file) => new URL(file, peer.dist).href)])
      return loads.flatMap(([name, imported, required]) => [
        { name: `${name}: import`, run: () => load({ imported }) },
        { name: `${name}: require`, run: () => load({ required }) },
      ])
    }),
}

async function load(what) {
  const { workMs, cpuMs, rssMb } = await runNodeScript({ load: what }, null)
  return { elapsedMs: workMs, cpuMs, rssMb }
}
