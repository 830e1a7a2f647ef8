import { pbkdf2Sync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { OperationalError, ProtocolError } from '../../../src-async/errors/tree.ts'
import { saslprep } from '../../../src-async/wire/protocol/saslprep.ts'
import { ScramClient } from '../../../src-async/wire/protocol/scram.ts'

// RFC 7677, section 3.
const nonce = 'rOprNGfwEbeRWgbNEkqO'
const serverFirst = 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'
const clientFinal =
  'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ='
const serverFinal = 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='

function example(): ScramClient {
  return new ScramClient({ kind: 'none' }, nonce, 'user')
}

/** The answer to a first message, with the password of the RFC. */
function respond(client: ScramClient, message: string): string {
  const challenge = client.readChallenge(message)
  return client.respond(challenge, pbkdf2Sync('pencil', challenge.salt, challenge.iterations, 32, 'sha256'))
}

describe('SCRAM-SHA-256', () => {
  test("reproduces RFC 7677's example", () => {
    const client = example()
    expect(client.firstMessage()).toBe(`n,,n=user,r=${nonce}`)
    expect(respond(client, serverFirst)).toBe(clientFinal)
    client.verify(serverFinal)
  })

  test('sends a fresh nonce each time and no user name', () => {
    const first = new ScramClient({ kind: 'none' }).firstMessage()
    expect(first).toMatch(/^n,,n=,r=[A-Za-z0-9+/]{24}$/)
    expect(new ScramClient({ kind: 'none' }).firstMessage()).not.toBe(first)
  })

  test('refuses a server that cannot sign', () => {
    const client = example()
    respond(client, serverFirst)
    expect(() => client.verify(`v=${Buffer.alloc(32).toString('base64')}`)).toThrow(OperationalError)
    expect(() => client.verify('v=6rri')).toThrow(OperationalError)
  })

  test("passes on a server's refusal", () => {
    const client = example()
    respond(client, serverFirst)
    expect(() => client.verify('e=invalid-proof')).toThrow(/invalid-proof/)
  })

  test.each([
    ['another nonce', 'r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'],
    ["the client's nonce without the server's part", `r=${nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`],
    ['no salt', `r=${nonce}x,i=4096`],
    ['a salt that is not base64', `r=${nonce}x,s=*,i=4096`],
    ['no iterations', `r=${nonce}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=0`],
    ['a mandatory extension', `m=ext,r=${nonce}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`],
    ['nothing', ''],
  ])('refuses a first message with %s', (_, text) => {
    expect(() => respond(example(), text)).toThrow(ProtocolError)
  })

  test('refuses a count of iterations that would take minutes', () => {
    expect(() => example().readChallenge(`r=${nonce}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=10000001`)).toThrow(OperationalError)
  })

  test('accepts no signature of the server before it has sent its own proof', () => {
    expect(() => example().verify(serverFinal)).toThrow(ProtocolError)
  })
})

describe('SASLprep', () => {
  test.each([
    ['ASCII as it is, controls included', 'a\u0007 b', 'a\u0007 b'],
    ['soft hyphens away (RFC 4013)', 'I\u00adX', 'IX'],
    ['compatibility characters composed (RFC 4013)', '\u00aa', 'a'],
    ['Roman numeral nine in letters (RFC 4013)', '\u2168', 'IX'],
    ['other spaces to spaces', 'a\u00a0b', 'a b'],
    ['umlauts composed', 'u\u0308', '\u00fc'],
    ['a forbidden character: unchanged', '\u00aa\ue000', '\u00aa\ue000'],
    ['mixed directions: raw', '\u0627\u00aa\u0628', '\u0627\u00aa\u0628'],
    ['text from right to left with a wrong end: unchanged', '\u06271\u00aa', '\u06271\u00aa'],
    ['an emoji as it is', 'p\u{1f600}', 'p\u{1f600}'],
    ['text of which nothing is left: unchanged', '\u00ad', '\u00ad'],
  ])('%s', (_, password, prepared) => {
    expect(saslprep(password)).toBe(prepared)
  })
})
