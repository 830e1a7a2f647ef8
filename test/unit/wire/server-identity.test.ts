/**
 * Compares the host with the names in a certificate, as libpq does. The expected answers are those of psql 15 for the
 * same certificates and hosts with `sslmode=verify-full`.
 */
import { X509Certificate } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { serverIdentityError } from '../../../src-async/wire/transport/server-identity.ts'
import { createAuthority, createLeaf } from '../../support/certificates.ts'

const authority = createAuthority('identities')
const HOSTS = ['localhost', '127.0.0.1', 'localhost.', 'a.example.com', 'a.b.example.com', '::1', 'example.com']

function acceptedFor(commonName: string, hosts: readonly string[]): string[] {
  const { certificatePem } = createLeaf(authority, { commonName, hosts, usage: 'server' })
  const peer = new X509Certificate(certificatePem).toLegacyObject()
  return HOSTS.filter((host) => serverIdentityError(host, peer as never) === undefined)
}

describe('a certificate', () => {
  test.each([
    ['localhost', [], ['localhost']],
    ['LOCALHOST', [], ['localhost']],
    ['localhost.', [], ['localhost.']],
    // The address is the common name of the certificate, or one of its DNS names.
    ['127.0.0.1', [], ['127.0.0.1']],
    ['*.0.0.1', [], ['127.0.0.1']],
    ['*.example.com', [], ['a.example.com']],
    ['a*.example.com', [], []],
    ['x', ['localhost'], ['localhost']],
    ['x', ['127.0.0.1'], ['127.0.0.1']],
    ['x', ['::1'], ['::1']],
    ['x', ['localhost', '127.0.0.1'], ['localhost', '127.0.0.1']],
    ['x', ['*.example.com'], ['a.example.com']],
    // The common name counts if no alternative name is of the host's kind.
    ['127.0.0.1', ['other.example.com'], ['127.0.0.1']],
    ['localhost', ['10.0.0.1'], ['localhost']],
    ['localhost', ['other'], []],
  ])('of %s with the names %j is accepted for %j', (commonName, names, accepted) => {
    expect(acceptedFor(commonName, names)).toEqual(accepted)
  })

  test('that has an address as a DNS name is accepted for that address', () => {
    const peer = { subject: { CN: 'x' }, subjectaltname: 'DNS:127.0.0.1' }
    expect(serverIdentityError('127.0.0.1', peer as never)).toBeUndefined()
  })

  test.each([
    [String.raw`DNS:"localhost\u0000.evil.example"`, 'localhost'],
    [String.raw`DNS:"a, DNS:localhost"`, 'localhost'],
    [String.raw`DNS:"broken`, 'broken'],
  ])('with the malformed names %s is not accepted for %s', (subjectaltname, host) => {
    expect(serverIdentityError(host, { subject: { CN: 'x' }, subjectaltname } as never)).toBeInstanceOf(Error)
  })

  test('of another server is refused, and the error says for which server it is', () => {
    const peer = { subject: { CN: 'x' }, subjectaltname: 'DNS:a, DNS:b, DNS:c, IP Address:10.0.0.1' }
    expect(serverIdentityError('localhost', peer as never)?.message).toBe(
      'the certificate is for "a", "b", "c" and 1 more, not for "localhost"',
    )
  })
})
