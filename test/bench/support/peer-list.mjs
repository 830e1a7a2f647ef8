/** The clients that are compared, in the order of the table. Each is one adapter file in `peers/`. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const DIST = new URL('../../../dist/', import.meta.url).href

/** `host` is what runs the adapter: this Node, or a Python with the client installed. */
export const PEERS = [
  { name: 'syncpg', adapter: 'syncpg.mjs', isBlocking: true, dist: DIST },
  { name: 'syncpg/async', adapter: 'syncpg-async.mjs', isBlocking: false, dist: DIST },
  { name: 'pg', adapter: 'pg.mjs', isBlocking: false },
  { name: 'postgres', adapter: 'postgres.mjs', isBlocking: false },
  { name: 'pg-native', adapter: 'pg-native.mjs', isBlocking: true },
  { name: 'synckit-bridge', adapter: 'synckit-bridge/main.mjs', isBlocking: true },
  { name: 'psycopg2', adapter: 'psycopg2_peer.py', isBlocking: true, host: 'python' },
  { name: 'asyncpg', adapter: 'asyncpg_peer.py', isBlocking: false, host: 'python' },
]

/**
 * @param wanted names; undefined for all.
 * @param otherBuild a dist folder whose syncpg joins as `syncpg@other`.
 */
export function peersFor(wanted, otherBuild) {
  const peers = wanted === undefined ? [...PEERS] : wanted.map(peerCalled)
  if (otherBuild === undefined) return peers
  const dist = pathToFileURL(`${resolve(otherBuild)}/`).href
  if (!existsSync(new URL('async.js', dist))) throw new Error(`--against: ${otherBuild} holds no build of syncpg`)
  const others = peers
    .filter((peer) => peer.dist !== undefined)
    .map((peer) => ({ ...peer, name: `${peer.name}@other`, dist }))
  return [...peers, ...others]
}

function peerCalled(name) {
  const peer = PEERS.find((known) => known.name === name)
  if (peer === undefined) throw new Error(`--peer: there is no ${name}; see --list`)
  return peer
}
