/** Runs workloads/node-script.mjs, a whole process of Node, for a peer. */
import { fileURLToPath } from 'node:url'
import { runToEnd } from './run-process.mjs'

const SCRIPT = fileURLToPath(new URL('../workloads/node-script.mjs', import.meta.url))

/** @param peer null for a process that does nothing. @returns the times; `workMs` is the part after Node's start */
export async function runNodeScript(peer, target) {
  const job = { SYNCPG_BENCH_JOB: JSON.stringify({ peer, target }) }
  const { elapsedMs, output } = await runToEnd(process.execPath, [SCRIPT], job)
  return { ...JSON.parse(output), elapsedMs }
}

/** The environment variables of libpq for a target. */
export function libpqEnvironment({ host, port, user, password, database, sslmode, sslrootcert }) {
  const where = { PGHOST: host, PGPORT: String(port), PGUSER: user, PGPASSWORD: password, PGDATABASE: database }
  return { ...where, PGSSLMODE: sslmode, ...(sslrootcert === '' ? {} : { PGSSLROOTCERT: sslrootcert }) }
}
