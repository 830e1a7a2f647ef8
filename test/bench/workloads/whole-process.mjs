/** A script's whole life: start Node, load the client, connect, one statement, close, end. */
import { fileURLToPath } from 'node:url'
import { libpqEnvironment, runNodeScript } from '../support/node-script.mjs'
import { psqlProgram } from '../support/psql-program.mjs'
import { runToEnd } from '../support/run-process.mjs'

export const workload = {
  name: 'whole-process',
  title: 'Whole process: start, connect, select 1, end',
  isProcess: true,
  transport: 'unix',
  unit: 'process',
  rounds: 21,
  size: {},
  quickSize: {},
  // pgbench runs no script, and the start of Python cannot be compared with that of Node.
  without: ['pg-pipelined', 'psycopg2', 'psycopg', 'asyncpg', 'pgbench'],
  operations: () => 1,
  prepare: () => ({ value: 1 }),
  entriesFor: (peers, target) => [
    { name: 'empty node', run: () => runNodeScript(null, target) },
    ...peers.flatMap((peer) => [
      { name: peer.name, run: () => (peer.name === 'psql' ? psql(target) : runNodeScript(peer, target)) },
      // The program of the package does the same as a script that blocks.
      ...(/^syncpg(?:@|$)/.test(peer.name) ? [{ name: `${peer.name} -c`, run: () => program(peer, target) }] : []),
    ]),
  ],
}

async function program({ dist }, target) {
  const words = [fileURLToPath(new URL('cli.js', dist)), '-XAtc', 'select 1']
  const { elapsedMs, output } = await runToEnd(process.execPath, words, libpqEnvironment(target))
  return { elapsedMs, value: Number(output) }
}

async function psql(target) {
  const { elapsedMs, output } = await runToEnd(psqlProgram(), ['-XAtc', 'select 1'], libpqEnvironment(target))
  return { elapsedMs, value: Number(output) }
}
