/**
 * TLS over a connected socket: SSLRequest, the server's one-byte answer, the handshake with what the mode demands of
 * the certificate. Modes mean what they mean to libpq (PostgreSQL manual, "SSL Support"). One byte, not one more, may
 * come before the handshake: a man in the middle could put words in the server's mouth (CVE-2021-23222).
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
const ERROR = 0x45 // E, from a server that cannot even fork, or knows no SSLRequest

const DIRECT_HINT = 'sslnegotiation=direct needs PostgreSQL 17 or later; leave it out for older servers'

/** What one attempt to connect does about TLS. */
export type TlsUse = 'never' | 'if-offered' | 'always'

/** The attempts a mode makes at one address, in order; the next is for when the server or the handshake refuses. */
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

/** TLS was asked for and did not come about; under `prefer` the next attempt goes without. */
export class TlsRefusedError extends OperationalError {}

/**
 * Asks for TLS and, where the server agrees, completes the handshake; afterwards the transport is secure, or plain when
 * the server said no and `use` allows it. The caller destroys the transport when this fails or takes too long.
 */
export async function negotiateTls(transport: SocketTransport, use: TlsUse, tls: TlsOptions): Promise<void> {
  if (use === 'never') return
  if (tls.negotiation === 'direct') return handshake(transport, tls)
  const answer = await askForTls(transport)
  if (answer === YES) return handshake(transport, tls)
  if (answer === ERROR) {
    // Its text is not shown: nobody has vouched for it (CVE-2024-10977).
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

/** Loaded by the first connection that is encrypted: it is a tenth of what loading this package costs. */
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
      // Thrown at once for PEM that cannot be read or a wrong passphrase.
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
      // Without it a server of another protocol could be made to answer (the ALPACA attack).
      if (tls.negotiation !== 'direct' || stream.alpnProtocol === 'postgresql') resolve()
      else reject(new TlsRefusedError('sslnegotiation=direct: the server did not agree on ALPN', { hint: DIRECT_HINT }))
    })
    stream.once('error', fail)
  })
}

/** Whether the certificate chain is checked; as in libpq, a root certificate given is a root certificate used. */
function verifiesChain(tls: TlsOptions): boolean {
  return tls.mode === 'verify-ca' || tls.mode === 'verify-full' || tls.rootCertificates !== null
}

function tlsConnectionOptions(host: string, tls: TlsOptions): ConnectionOptions {
  const options: ConnectionOptions = {
    rejectUnauthorized: verifiesChain(tls),
    checkServerIdentity: tls.mode === 'verify-full' ? (_, peer) => serverIdentityError(host, peer) : () => undefined,
    ALPNProtocols: ['postgresql'],
  }
  // The standard forbids addresses as server names.
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

/** The authorities the system trusts; null where Node cannot tell (before 22.15), and its own list has to do. */
function systemRoots(): string[] | null {
  const { getCACertificates } = nodeTls() as { readonly getCACertificates?: (kind: 'system') => string[] }
  return getCACertificates?.('system') ?? null
}

/** Writes the keys of a connection as lines that programs for inspecting the network read. */
function logKeys(stream: TLSSocket, path: string): void {
  stream.on('keylog', (line: Buffer) => {
    try {
      appendFileSync(path, line, { mode: 0o600 })
    } catch (error) {
      process.emitWarning(`sslkeylogfile: ${(error as Error).message}`, 'SyncpgWarning')
    }
  })
}

/** Each on its own: of a text with several, Node reads the first and drops the rest. */
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
      return `sslmode=verify-full demands a certificate for "${host.slice(0, 40)}"; connect by a name it has, or use verify-ca`
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return tls.rootCertificates === null
        ? `the certificate is not signed by an authority ${tls.usesSystemRoots === true ? 'the system' : 'Node.js'} knows; give its root certificate as sslrootcert`
        : "sslrootcert does not hold the authority that signed the server's certificate"
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return "renew the server's certificate, and look at this machine's clock"
    case 'CERT_REVOKED':
    case 'UNABLE_TO_GET_CRL':
      return 'sslcrl says so; see the revocation list'
    default:
      return `sslmode=${tls.mode}; see also sslrootcert, sslcert, sslkey and ssl_min_protocol_version`
  }
}
