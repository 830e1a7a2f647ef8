/**
 * Starts TLS on a connected socket: sends SSLRequest, reads the server's one-byte answer, and makes the handshake.
 * The mode decides how the certificate is checked, as in libpq (PostgreSQL manual, "SSL Support"). If more than one
 * byte comes before the handshake, the connection is refused: an attacker could have added unencrypted answers
 * (CVE-2021-23222).
 */
import { appendFileSync } from 'node:fs'
import { isIP } from 'node:net'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { ByteWriter } from '../../bytes/byte-writer.ts'
import { OperationalError, ProtocolError } from '../../errors/tree.ts'
import type { TlsOptions } from '../../options/session-options.ts'
import { writeSslRequest } from '../protocol/frontend.ts'
import type { SocketTransport } from './socket.ts'
import { serverIdentityError } from './server-identity.ts'
import { tlsWords } from './tls-errors.ts'

const YES = 0x53 // S
const NO = 0x4e // N
const ERROR = 0x45 // E: the server cannot start a process, or does not know SSLRequest

const DIRECT_HINT = 'sslnegotiation=direct needs PostgreSQL 17 or later; leave it out for older servers'

/** Whether one attempt to connect uses TLS. */
export type TlsUse = 'never' | 'if-offered' | 'always'

/** The attempts of a mode at one address, in order. The next one follows if the server or the handshake refuses. */
export function tlsAttempts(tls: TlsOptions, kind: 'tcp' | 'unix'): readonly TlsUse[] {
  if (kind === 'unix') return ['never']
  switch (tls.mode) {
    case 'disable':
      return ['never']
    case 'allow':
      return ['never', 'always']
    case 'prefer':
      return ['if-offered', 'never']
    default:
      return ['always']
  }
}

/** TLS could not be started. With `prefer` the next attempt does not use TLS. */
export class TlsRefusedError extends OperationalError {}

/**
 * Asks for TLS. If the server agrees, it makes the handshake. If the server refuses and `use` allows that, the
 * transport stays unencrypted. The caller destroys the transport when this fails or takes too long.
 */
export async function negotiateTls(transport: SocketTransport, use: TlsUse, tls: TlsOptions): Promise<void> {
  if (use === 'never') return
  if (tls.negotiation === 'direct') return handshake(transport, tls)
  const answer = await askForTls(transport)
  if (answer === YES) return handshake(transport, tls)
  if (answer === ERROR) {
    // The text of the server is not shown, because an attacker may have sent it (CVE-2024-10977).
    throw new TlsRefusedError('the server answered the request for TLS with an error message')
  }
  if (use === 'always') {
    throw new TlsRefusedError(`the server does not offer TLS, which sslmode=${tls.mode} requires`, {
      hint: "switch ssl on in the server's configuration, or allow plain connections by sslmode=prefer",
    })
  }
}

function askForTls(transport: SocketTransport): Promise<number> {
  return new Promise((resolve, reject) => {
    transport.listen({
      data(bytes, start, end) {
        const answer = bytes[start]!
        if (answer !== YES && answer !== NO && answer !== ERROR) {
          reject(
            new ProtocolError('the server answered the request for TLS with neither yes nor no; is it PostgreSQL?'),
          )
        } else if (end - start > 1 && answer !== ERROR) {
          reject(new ProtocolError('the server sent unencrypted bytes after its answer to the request for TLS'))
        } else {
          resolve(answer)
        }
      },
      drain() {},
      closed(error) {
        reject(new TlsRefusedError('the server closed the connection when asked for TLS', { cause: error }))
      },
    })
    const request = new ByteWriter(8)
    writeSslRequest(request)
    transport.write(request.view())
  })
}

/** Loads `node:tls` for the first encrypted connection, because it is a tenth of the time to load this package. */
function nodeTls(): typeof import('node:tls') {
  return process.getBuiltinModule('node:tls')
}

function handshake(transport: SocketTransport, tls: TlsOptions): Promise<void> {
  const { target } = transport
  const host = target.kind === 'tcp' ? target.host : 'localhost'
  return new Promise((resolve, reject) => {
    let stream: TLSSocket
    const fail = (error: Error | null): void => reject(handshakeError(error, host, tls))
    transport.listen({
      data() {},
      drain() {},
      closed: fail,
    })
    try {
      stream = transport.secure((socket) => nodeTls().connect({ ...tlsConnectionOptions(host, tls), socket }))
    } catch (error) {
      // `node:tls` throws at once when it cannot read the PEM, or when the passphrase is wrong.
      reject(
        new OperationalError(`the TLS settings cannot be used: ${(error as Error).message}`, {
          hint: 'look at sslcert, sslkey, sslpassword, sslrootcert and sslcrl',
          cause: error,
        }),
      )
      return
    }
    if (tls.keyLogFile) logKeys(stream, tls.keyLogFile)
    stream.once('secureConnect', () => {
      // Without this check an attacker could redirect the connection to a server of another protocol (the ALPACA
      // attack).
      if (tls.negotiation !== 'direct' || stream.alpnProtocol === 'postgresql') resolve()
      else reject(new TlsRefusedError('sslnegotiation=direct: the server did not agree on ALPN', { hint: DIRECT_HINT }))
    })
    stream.once('error', fail)
  })
}

/** Whether the certificate chain is checked. As in libpq, every mode checks it if a root certificate is given. */
function verifiesChain(tls: TlsOptions): boolean {
  return tls.mode === 'verify-ca' || tls.mode === 'verify-full' || tls.rootCertificates !== null
}

function tlsConnectionOptions(host: string, tls: TlsOptions): ConnectionOptions {
  const options: ConnectionOptions = {
    rejectUnauthorized: verifiesChain(tls),
    checkServerIdentity: tls.mode === 'verify-full' ? (_, peer) => serverIdentityError(host, peer) : () => undefined,
    ALPNProtocols: ['postgresql'],
  }
  // RFC 6066 does not allow IP addresses as server names.
  if (isIP(host) === 0 && tls.sendsServerName !== false) options.servername = host
  const roots = tls.rootCertificates ?? (tls.usesSystemRoots === true ? systemRoots() : null)
  if (roots !== null) options.ca = roots
  if (tls.certificate !== null) options.cert = tls.certificate
  if (tls.key !== null) options.key = tls.key
  if (tls.keyPassphrase !== null) options.passphrase = tls.keyPassphrase
  if (tls.revocationList !== null) options.crl = listsIn(tls.revocationList)
  if (tls.minVersion !== null) options.minVersion = tls.minVersion
  if (tls.maxVersion !== null) options.maxVersion = tls.maxVersion
  return options
}

/**
 * The authorities that the system trusts. null before Node 22.15, which cannot read them: then Node's own list is
 * used.
 */
function systemRoots(): string[] | null {
  const { getCACertificates } = nodeTls() as { readonly getCACertificates?: (kind: 'system') => string[] }
  return getCACertificates?.('system') ?? null
}

/** Writes the keys of a connection as lines, in the format that network analyzers such as Wireshark read. */
function logKeys(stream: TLSSocket, path: string): void {
  stream.on('keylog', (line: Buffer) => {
    try {
      appendFileSync(path, line, { mode: 0o600 })
    } catch (error) {
      process.emitWarning(`sslkeylogfile: ${(error as Error).message}`, 'SyncpgWarning')
    }
  })
}

/** Splits a text into its revocation lists. Node would read only the first list of a text. */
function listsIn(pem: string): string[] {
  return pem.match(/-----BEGIN X509 CRL-----[^]*?-----END X509 CRL-----/g) ?? [pem]
}

function handshakeError(error: Error | null, host: string, tls: TlsOptions): OperationalError {
  if (error === null || (tls.negotiation === 'direct' && isHangUp(error))) {
    const hint = tls.negotiation === 'direct' ? { hint: DIRECT_HINT } : {}
    return new TlsRefusedError('the server closed the connection during the TLS handshake', { ...hint, cause: error })
  }
  const words = tlsWords(error)
  if (words !== null) return new TlsRefusedError(words.message, { hint: words.hint, cause: error })
  const { code } = error as NodeJS.ErrnoException
  const details = { hint: hintFor(code, host, tls), cause: error }
  return new TlsRefusedError(`the TLS handshake failed: ${error.message}`, details)
}

function isHangUp(error: Error): boolean {
  return ['ECONNRESET', 'EPIPE'].includes((error as NodeJS.ErrnoException).code ?? '')
}

function hintFor(code: string | undefined, host: string, tls: TlsOptions): string {
  switch (code) {
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `sslmode=verify-full needs a certificate for "${host.slice(0, 40)}"; connect by a name in the certificate, or use verify-ca`
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return tls.rootCertificates === null
        ? `${tls.usesSystemRoots === true ? 'the system' : 'Node.js'} does not know the authority that signed the certificate; pass its root certificate as sslrootcert`
        : "sslrootcert does not hold the authority that signed the server's certificate"
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return "renew the server's certificate, and check the clock of this machine"
    case 'CERT_REVOKED':
      return 'sslcrl or sslcrldir names a list that revokes this certificate'
    case 'UNABLE_TO_GET_CRL':
      return "sslcrl and sslcrldir name no list of the server's authority"
    default:
      return `sslmode=${tls.mode}; see also sslrootcert, sslcert, sslkey and ssl_min_protocol_version`
  }
}
