/**
 * Makes X.509 certificates for the tests with node:crypto and a small DER writer, so that a machine with only Node can
 * test TLS. It makes only what a PostgreSQL test needs: authorities, server certificates with names, client
 * certificates, revocation lists. Do not use it in production. Format: RFC 5280; algorithm identifiers: RFC 5758 and
 * RFC 4055.
 */
import { generateKeyPairSync, randomBytes, sign, X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { isIP } from 'node:net'

/** A certificate with its key, both PEM. */
export interface Certificate {
  readonly certificatePem: string
  readonly keyPem: string
}

/** A certificate that can sign others. */
export interface Authority extends Certificate {
  readonly commonName: string
  readonly privateKey: KeyObject
  readonly algorithm: SignatureAlgorithm
}

/** The signature made over the certificate, which decides the hash of tls-server-end-point channel binding. */
export type SignatureAlgorithm = 'rsa-sha256' | 'rsa-sha384' | 'ecdsa-sha256' | 'ecdsa-sha384' | 'ed25519'

/** The contents of a leaf certificate. */
export interface LeafRequest {
  readonly commonName: string
  /** DNS names and IP addresses it is valid for; none for a client certificate. */
  readonly hosts?: readonly string[]
  readonly usage: 'server' | 'client'
  /** Milliseconds since 1970; the default is in ten years. */
  readonly validUntilMs?: number
}

const DAY_MS = 86_400_000

const ALGORITHMS: Record<SignatureAlgorithm, { oid: string; hash: string | null; nullParameter: boolean }> = {
  'rsa-sha256': { oid: '1.2.840.113549.1.1.11', hash: 'sha256', nullParameter: true },
  'rsa-sha384': { oid: '1.2.840.113549.1.1.12', hash: 'sha384', nullParameter: true },
  'ecdsa-sha256': { oid: '1.2.840.10045.4.3.2', hash: 'sha256', nullParameter: false },
  'ecdsa-sha384': { oid: '1.2.840.10045.4.3.3', hash: 'sha384', nullParameter: false },
  ed25519: { oid: '1.3.101.112', hash: null, nullParameter: false },
}

/** Makes a self-signed authority. The kind of its key decides how all its certificates are signed. */
export function createAuthority(commonName: string, algorithm: SignatureAlgorithm = 'ecdsa-sha256'): Authority {
  const { publicKey, privateKey } = createKeys(algorithm)
  const body = certificateBody({
    algorithm,
    issuer: commonName,
    subject: commonName,
    publicKey,
    validUntilMs: Date.now() + 3650 * DAY_MS,
    extensions: [
      extension('2.5.29.19', true, sequence(boolean(true))),
      extension('2.5.29.15', true, bitString(Buffer.from([0x06]), 1)),
    ],
  })
  return { commonName, privateKey, algorithm, ...sealed(body, algorithm, privateKey, privateKey) }
}

/** Makes a server or client certificate signed by an authority; by default its own key is of the same kind. */
export function createLeaf(
  authority: Authority,
  request: LeafRequest,
  keyAlgorithm: SignatureAlgorithm = authority.algorithm,
): Certificate {
  const { algorithm } = authority
  // Ed25519 and EC keys are made at once. RSA keys take tenths of a second, so they are made only if the algorithm asks
  // for them.
  const { publicKey, privateKey } = createKeys(keyAlgorithm)
  const purpose = request.usage === 'server' ? '1.3.6.1.5.5.7.3.1' : '1.3.6.1.5.5.7.3.2'
  const extensions = [extension('2.5.29.37', false, sequence(objectIdentifier(purpose)))]
  if (request.hosts?.length) extensions.push(extension('2.5.29.17', false, subjectAlternativeNames(request.hosts)))
  const body = certificateBody({
    algorithm,
    issuer: authority.commonName,
    subject: request.commonName,
    publicKey,
    validUntilMs: request.validUntilMs ?? Date.now() + 3650 * DAY_MS,
    extensions,
  })
  return sealed(body, algorithm, authority.privateKey, privateKey)
}

/** Makes a list, PEM, of certificates that an authority has revoked, valid from yesterday for ten years. */
export function createRevocationList(authority: Authority, revoked: readonly Certificate[]): string {
  const { algorithm, commonName, privateKey } = authority
  const yesterday = generalizedTime(Date.now() - DAY_MS)
  const entries = revoked.map(({ certificatePem }) => {
    const serial = Buffer.from(new X509Certificate(certificatePem).serialNumber, 'hex')
    return sequence(integer(serial), yesterday)
  })
  const body = sequence(
    integer(Buffer.from([1])),
    algorithmIdentifier(algorithm),
    distinguishedName(commonName),
    yesterday,
    generalizedTime(Date.now() + 3650 * DAY_MS),
    ...(entries.length === 0 ? [] : [sequence(...entries)]),
  )
  const signature = sign(ALGORITHMS[algorithm].hash, body, privateKey)
  return pem('X509 CRL', sequence(body, algorithmIdentifier(algorithm), bitString(signature, 0)))
}

interface BodyParts {
  readonly algorithm: SignatureAlgorithm
  readonly issuer: string
  readonly subject: string
  readonly publicKey: KeyObject
  readonly validUntilMs: number
  readonly extensions: readonly Buffer[]
}

function createKeys(algorithm: SignatureAlgorithm): { publicKey: KeyObject; privateKey: KeyObject } {
  if (algorithm === 'ed25519') return generateKeyPairSync('ed25519')
  if (algorithm.startsWith('rsa')) return generateKeyPairSync('rsa', { modulusLength: 2048 })
  return generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
}

function certificateBody(parts: BodyParts): Buffer {
  const serial = randomBytes(16)
  // Positive and without a leading zero byte, as DER wants integers.
  serial[0] = (serial[0]! & 0x3f) | 0x40
  return sequence(
    tagged(0xa0, integer(Buffer.from([2]))),
    integer(serial),
    algorithmIdentifier(parts.algorithm),
    distinguishedName(parts.issuer),
    sequence(generalizedTime(parts.validUntilMs - 4000 * DAY_MS), generalizedTime(parts.validUntilMs)),
    distinguishedName(parts.subject),
    parts.publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...parts.extensions)),
  )
}

function sealed(body: Buffer, algorithm: SignatureAlgorithm, signingKey: KeyObject, ownKey: KeyObject): Certificate {
  const signature = sign(ALGORITHMS[algorithm].hash, body, signingKey)
  const certificate = sequence(body, algorithmIdentifier(algorithm), bitString(signature, 0))
  return {
    certificatePem: pem('CERTIFICATE', certificate),
    keyPem: ownKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  }
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

function algorithmIdentifier(algorithm: SignatureAlgorithm): Buffer {
  const { oid, nullParameter } = ALGORITHMS[algorithm]
  return nullParameter ? sequence(objectIdentifier(oid), tagged(0x05)) : sequence(objectIdentifier(oid))
}

function distinguishedName(commonName: string): Buffer {
  const attribute = sequence(objectIdentifier('2.5.4.3'), tagged(0x0c, Buffer.from(commonName, 'utf8')))
  return sequence(tagged(0x31, attribute))
}

function subjectAlternativeNames(hosts: readonly string[]): Buffer {
  return sequence(
    ...hosts.map((host) => (isIP(host) ? tagged(0x87, addressBytes(host)) : tagged(0x82, Buffer.from(host, 'latin1')))),
  )
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number))
  if (address !== '::1') throw new Error(`certificates.ts knows only ::1 among IPv6 addresses, not ${address}`)
  return Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
}

function extension(oid: string, isCritical: boolean, value: Buffer): Buffer {
  const parts = [objectIdentifier(oid), ...(isCritical ? [boolean(true)] : []), tagged(0x04, value)]
  return sequence(...parts)
}

function sequence(...children: readonly Buffer[]): Buffer {
  return tagged(0x30, ...children)
}

function integer(bytes: Buffer): Buffer {
  return tagged(0x02, bytes)
}

function boolean(value: boolean): Buffer {
  return tagged(0x01, Buffer.from([value ? 0xff : 0]))
}

function bitString(bytes: Buffer, unusedBits: number): Buffer {
  return tagged(0x03, Buffer.from([unusedBits]), bytes)
}

function generalizedTime(instantMs: number): Buffer {
  const iso = new Date(instantMs).toISOString()
  // RFC 5280 demands the two-digit form for years before 2050.
  const digits = iso.replace(/[-:T]/g, '').slice(0, 14)
  const isShort = Number(digits.slice(0, 4)) < 2050
  return isShort
    ? tagged(0x17, Buffer.from(`${digits.slice(2)}Z`, 'latin1'))
    : tagged(0x18, Buffer.from(`${digits}Z`, 'latin1'))
}

function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = [first * 40 + second]
  for (const part of rest) {
    const groups = [part & 0x7f]
    for (let left = Math.floor(part / 128); left > 0; left = Math.floor(left / 128))
      groups.unshift((left & 0x7f) | 0x80)
    bytes.push(...groups)
  }
  return tagged(0x06, Buffer.from(bytes))
}

function tagged(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents)
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content])
  const length: number[] = []
  for (let left = content.length; left > 0; left >>>= 8) length.unshift(left & 0xff)
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length, ...length]), content])
}
