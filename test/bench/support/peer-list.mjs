/** The clients that are compared, in the order of the table. Each is one adapter file in `peers/`. */
const DIST = new URL('../../../dist/', import.meta.url).href

/**
 * `host` runs the adapter: this Node, a Python with the client installed, or a program that is a client itself.
 * `isUnprepared`: the client has no prepared statements. `operationsShare`: a slow client runs only this share of the
 * operations, and its times are per operation. `onlyIn`: the client runs only in workloads whose names begin with
 * this.
 */
export const PEERS = [
  { name: 'syncpg', adapter: 'syncpg.mjs', dist: DIST },
  { name: 'syncpg/async', adapter: 'syncpg-async.mjs', dist: DIST },
  { name: 'pg', adapter: 'pg.mjs', packages: ['pg', 'pg-cursor', 'pg-copy-streams'] },
  { name: 'pg-pipelined', adapter: 'pg.mjs', isPipelined: true, packages: ['pg'] },
  { name: 'postgres', adapter: 'postgres.mjs', packages: ['postgres'] },
  { name: 'pg-native', adapter: 'pg-native.mjs', packages: ['pg-native', 'libpq'] },
  { name: 'node-socket', adapter: 'node-socket.mjs', onlyIn: 'select-one', packages: ['pg'] },
  { name: 'synckit-bridge', adapter: 'synckit-bridge/main.mjs', packages: ['synckit', 'pg'] },
  { name: 'psql', adapter: 'psql.mjs', isUnprepared: true, operationsShare: 0.01 },
  { name: 'psycopg2', adapter: 'psycopg2_peer.py', isUnprepared: true, host: 'python' },
  { name: 'psycopg', adapter: 'psycopg_peer.py', host: 'python' },
  { name: 'asyncpg', adapter: 'asyncpg_peer.py', host: 'python' },
  { name: 'pgbench', host: 'pgbench' },
  ...['kysely', 'drizzle'].flatMap((builder) => [
    { ...builderPeer(builder), name: `syncpg/${builder}`, dist: DIST },
    // pg's pool does not reset a connection between two users, so for a fair comparison this client does not either.
    { ...builderPeer(builder), name: `syncpg/${builder}, no reset`, dist: DIST, hasReset: false },
    { ...builderPeer(builder), name: `syncpg/${builder}, blocking`, dist: DIST, isBlocking: true },
    { ...builderPeer(builder), name: `${builder} over pg` },
  ]),
  { name: 'syncpg/sqlite-shape', adapter: 'sqlite-shape.mjs', group: 'sqlite', dist: DIST },
  ...['better-sqlite3', 'node:sqlite'].map((library) => ({
    name: library,
    adapter: 'sqlite-file.mjs',
    group: 'sqlite',
    library,
  })),
]

/** The clients for a query builder. They run only in the workloads of that builder. */
function builderPeer(builder) {
  const adapter = `${builder}.mjs`
  return { adapter, group: 'builders', packages: [builder === 'drizzle' ? 'drizzle-orm' : builder, 'pg'] }
}

/** @param wanted names; undefined for all. */
export function peersFor(wanted) {
  return wanted === undefined ? [...PEERS] : wanted.map(peerCalled)
}

function peerCalled(name) {
  const peer = PEERS.find((known) => known.name === name)
  if (peer === undefined) throw new Error(`--peer: there is no ${name}; see --list`)
  return peer
}
