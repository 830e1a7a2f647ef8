/**
 * Channel binding of type tls-server-end-point: a hash of the server's certificate, made by the hash function of the
 * certificate's own signature. Source of truth: RFC 5929, section 4.1, and src/interfaces/libpq/fe-secure-openssl.c.
 */
import { createHash } from 'node:crypto'

/** Hash functions by the OIDs of signature algorithms (DER bytes in hexadecimal). MD5 and SHA-1 become SHA-256. */
const HASHES: Readonly<Record<string, string>> = {
  // RSA, 1.2.840.113549.1.1.x
  '2a864886f70d010104': 'sha256',
  '2a864886f70d010105': 'sha256',
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  '2a864886f70d01010e': 'sha224',
  // ECDSA, 1.2.840.10045.4.x
  '2a8648ce3d0401': 'sha256',
  '2a8648ce3d040301': 'sha224',
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
  // DSA, 1.2.840.10040.4.3 and 2.16.840.1.101.3.4.3.x
  '2a8648ce380403': 'sha256',
  '608648016503040301': 'sha224',
  '608648016503040302': 'sha256',
}
/** 1.2.840.113549.1.1.10: RSASSA-PSS, whose parameters name the hash function. */
const RSA_PSS = '2a864886f70d01010a'
/** Hash functions, 1.3.14.3.2.26 (SHA-1) and 2.16.840.1.101.3.4.2.x. Without the parameter the hash is SHA-1. */
const PSS_HASHES: Readonly<Record<string, string>> = {
  '2b0e03021a': 'sha256',
  '608648016503040201': 'sha256',
  '608648016503040202': 'sha384',
  '608648016503040203': 'sha512',
  '608648016503040204': 'sha224',
}

const SEQUENCE = 0x30
const OBJECT_IDENTIFIER = 0x06

interface Element {
  readonly tag: number
  readonly start: number
  readonly end: number
}

/**
 * @param certificate the server's certificate as DER
 * @returns null when its signature uses no separate hash function (Ed25519). PostgreSQL cannot bind to such a certificate either.
 */
export function serverEndPoint(certificate: Uint8Array): Buffer | null {
  const hash = signatureHash(certificate)
  return hash === null ? null : createHash(hash).update(certificate).digest()
}

function signatureHash(der: Uint8Array): string | null {
  const body = readElement(der, 0, der.length)
  const signed = body && readElement(der, body.start, body.end)
  const algorithm = signed && readElement(der, signed.end, body.end)
  if (algorithm === null || algorithm.tag !== SEQUENCE) return null
  const name = readElement(der, algorithm.start, algorithm.end)
  const oid = oidOf(der, name)
  if (name === null || oid === null) return null
  return oid === RSA_PSS ? pssHash(der, name.end, algorithm.end) : (HASHES[oid] ?? null)
}

/** RSASSA-PSS-params ::= SEQUENCE { hashAlgorithm [0] AlgorithmIdentifier DEFAULT sha1, … } */
function pssHash(der: Uint8Array, start: number, end: number): string | null {
  const parameters = readElement(der, start, end)
  const tagged = parameters && readElement(der, parameters.start, parameters.end)
  if (tagged === null || tagged.tag !== 0xa0) return 'sha256'
  const algorithm = readElement(der, tagged.start, tagged.end)
  const oid = algorithm && oidOf(der, readElement(der, algorithm.start, algorithm.end))
  return oid === null ? null : (PSS_HASHES[oid] ?? null)
}

function oidOf(der: Uint8Array, element: Element | null): string | null {
  if (element === null || element.tag !== OBJECT_IDENTIFIER) return null
  return Buffer.from(der.subarray(element.start, element.end)).toString('hex')
}

/** Reads the element at `at`; null when it does not fit into the bytes. */
function readElement(der: Uint8Array, at: number, end: number): Element | null {
  if (end - at < 2) return null
  const tag = der[at]!
  let length = der[at + 1]!
  let start = at + 2
  if (length >= 0x80) {
    const count = length - 0x80
    if (count < 1 || count > 4 || start + count > end) return null
    length = 0
    for (let i = 0; i < count; i++) length = length * 256 + der[start + i]!
    start += count
  }
  return start + length > end ? null : { tag, start, end: start + length }
}
