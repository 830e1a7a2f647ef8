/** The server's address as plain data, in the forms that the clients need. */
import { readFileSync } from 'node:fs'
import { startDelayingRelay } from './delaying-relay.mjs'

/**
 * @param transport `'unix'`, `'tcp'` or `'tls'`.
 * @returns with `ssl` in pg's form (false, or the authority that signed the server's certificate), and `sslmode` and
 *   `sslrootcert` in libpq's.
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
  // The server offers TLS, so clients over TCP would use it by default.
  const parameters = transport === 'tcp' ? { sslmode: 'disable' } : {}
  return { ...common, dsn: server.dsn({ transport, parameters }), ssl: false, sslmode: 'disable', sslrootcert: '' }
}

/**
 * Calls `work` with the target.
 * @param transport see `targetOf`, or `{ awayMs }` for TCP with a round trip of that many milliseconds
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
