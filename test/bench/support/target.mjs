/** Where a workload's clients find the server, as plain data in the forms they want it. */
import { readFileSync } from 'node:fs'
import { startDelayingRelay } from './delaying-relay.mjs'

/**
 * @param transport `'unix'`, `'tcp'` or `'tls'`.
 * @returns with `ssl` as pg has it (false, or the authority that signed the server's certificate), `sslmode` and
 *   `sslrootcert` as libpq has it.
 */
export function targetOf(server, transport) {
  const { user, password, database, port } = server
  const host = transport === 'unix' ? server.socketDirectory : server.host
  const common = { transport, host, port, user, password, database }
  if (transport === 'tls') {
    const { rootCertificate } = server.tls
    const ssl = { ca: readFileSync(rootCertificate, 'utf8') }
    return { ...common, dsn: server.dsn({ transport }), ssl, sslmode: 'verify-full', sslrootcert: rootCertificate }
  }
  // The server offers TLS, so a client over TCP would take it.
  const parameters = transport === 'tcp' ? { sslmode: 'disable' } : {}
  return { ...common, dsn: server.dsn({ transport, parameters }), ssl: false, sslmode: 'disable', sslrootcert: '' }
}

/**
 * Calls `work` with the target.
 * @param transport as `targetOf` has it, or `{ awayMs }` for TCP with a round trip of so many milliseconds.
 */
export async function withTarget(server, transport, work) {
  if (typeof transport === 'string') return work(targetOf(server, transport))
  const relay = await startDelayingRelay({ host: server.host, port: server.port, roundTripMs: transport.awayMs })
  try {
    const near = targetOf(server, 'tcp')
    const dsn = near.dsn.replace(`:${server.port}/`, `:${relay.port}/`)
    return await work({ ...near, port: relay.port, dsn, awayMs: transport.awayMs })
  } finally {
    await relay.close()
  }
}
