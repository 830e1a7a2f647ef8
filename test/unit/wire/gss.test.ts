/**
 * The exchange of GSSAPI tokens: which side sends when, and which messages are refused. The library that makes the
 * tokens is a fake one.
 */
import { describe, expect, test } from 'vitest'
import { OperationalError, ProtocolError } from '../../../src-async/errors/tree.ts'
import { parseRequiredAuth } from '../../../src-async/options/auth-options.ts'
import { authServices } from '../../../src-async/wire/auth-services.ts'
import type { Channel } from '../../../src-async/wire/protocol/authentication.ts'
import type { GssRequest, GssStep } from '../../../src-async/wire/protocol/gss.ts'
import { startup, type StartupRequest } from '../../../src-async/wire/protocol/startup.ts'
import { error, Harness, message, notification, parameter, welcome, type Outcome } from './messages.ts'

const channel: Channel = { host: 'db.example.org', serverCertificate: null, isPrivate: false }
const request = { user: 'u', password: null, database: 'd', parameters: {} }
const gss = message('R', 7)
const sspi = message('R', 9)
const continuing = (token: string): Buffer => message('R', 8, token)

interface Scene {
  readonly harness: Harness
  readonly outcome: Outcome
  /** The calls of the library, and the tokens that it got. */
  readonly opened: GssRequest[]
  readonly challenges: (string | null)[]
  /** Lets the library answer the step it was asked for. */
  answer(step: Error | { readonly token: string | null; readonly isComplete: boolean }): void
}

/** A client that has sent its StartupMessage, and a library that answers when it is told to. */
function starting(asked: Partial<StartupRequest> = {}, through: Partial<Channel> = {}): Scene {
  const harness = new Harness({ isFresh: true })
  harness.conversation.link.wake = () => void harness.conversation.resume()
  const opened: GssRequest[] = []
  const challenges: (string | null)[] = []
  let pending: ((error: Error | null, step: GssStep) => void) | null = null
  const services = {
    ...authServices,
    openGss: (wanted: GssRequest) => {
      opened.push(wanted)
      return {
        step(challenge: Uint8Array | null, done: (error: Error | null, step: GssStep) => void) {
          challenges.push(challenge && Buffer.from(challenge).toString())
          pending = done
        },
      }
    },
  }
  const outcome = harness.ask((link) => startup(link, { ...request, ...asked }, { ...channel, ...through }, services))
  harness.conversation.takeOutgoing()
  return {
    harness,
    outcome,
    opened,
    challenges,
    answer(step) {
      const done = pending!
      pending = null
      if (step instanceof Error) done(step, { token: null, isComplete: false })
      else done(null, { ...step, token: step.token === null ? null : Buffer.from(step.token) })
    },
  }
}

/** The next message to the server: its letter and its body. */
function said({ harness }: Scene): string {
  const bytes = harness.conversation.takeOutgoing()
  return bytes.length === 0 ? '' : `${String.fromCharCode(bytes[0]!)} ${bytes.subarray(5).toString('latin1')}`
}

test.each([
  ['GSSAPI', gss],
  ['SSPI', sspi],
])(
  '%s: both sides exchange tokens until each has proven its identity, then the server accepts the login',
  (_, asked) => {
    const scene = starting()
    scene.harness.hear(asked)
    expect(scene.opened).toEqual([{ serviceName: 'postgres', isDelegated: false, host: 'db.example.org' }])
    expect(said(scene)).toBe('')
    scene.answer({ token: 'one', isComplete: false })
    expect(said(scene)).toBe('p one')
    scene.harness.hear(continuing('two'))
    scene.answer({ token: 'three', isComplete: false })
    expect(said(scene)).toBe('p three')
    scene.harness.hear(continuing('four'))
    scene.answer({ token: null, isComplete: true })
    expect(said(scene)).toBe('')
    scene.harness.hear(welcome)
    expect(scene.outcome.reply).toMatchObject({ backendPid: 42 })
    expect(scene.challenges).toEqual([null, 'two', 'four'])
  },
)

// PostgreSQL sends its last token, AuthenticationOk and the messages of the start together, without waiting for the
// client.
test.each([0, 1, 2, 3])(
  "a server may send all of its messages before the client's last step, cut at message %i",
  (cut) => {
    const scene = starting()
    scene.harness.hear(gss)
    scene.answer({ token: 'one', isComplete: false })
    expect(said(scene)).toBe('p one')
    const ahead = [continuing('two'), parameter('TimeZone', 'UTC'), welcome, notification('c', '')]
    const at = Buffer.concat(ahead.slice(0, cut)).length
    scene.harness.hear(Buffer.concat(ahead), ...(cut === 0 ? [] : [at]))
    expect([scene.outcome.endings, scene.harness.told]).toEqual([0, []])
    scene.answer({ token: null, isComplete: true })
    expect(scene.outcome.reply).toMatchObject({ backendPid: 42 })
    expect(scene.harness.told).toEqual(['parameter TimeZone UTC', 'notification c '])
  },
)

test('the options set the service and the delegation', () => {
  const scene = starting({ gss: { serviceName: 'pg', isDelegated: true } })
  scene.harness.hear(gss)
  expect(scene.opened).toEqual([{ serviceName: 'pg', isDelegated: true, host: 'db.example.org' }])
})

describe('a server is refused', () => {
  test('that accepts the login before it has proven its identity', () => {
    const scene = starting()
    scene.harness.hear(gss)
    scene.answer({ token: 'one', isComplete: false })
    expect(scene.harness.hear(welcome)).toBeInstanceOf(ProtocolError)
    expect((scene.outcome.error as Error).message).toMatch(/step 0 before it had proven who it is/)
  })

  test('only after a token was made, if it sends something meanwhile', () => {
    const scene = starting()
    scene.harness.hear(gss)
    expect(scene.harness.hear(continuing('two'))).toBe(null)
    expect(scene.challenges).toEqual([null])
    scene.answer({ token: 'one', isComplete: false })
    expect(said(scene)).toBe('p one')
    expect(scene.challenges).toEqual([null, 'two'])
  })

  test('that accepts the login while its last token is checked, before it has proven its identity', () => {
    const scene = starting()
    scene.harness.hear(gss)
    scene.answer({ token: 'one', isComplete: false })
    scene.harness.hear(Buffer.concat([continuing('two'), welcome]))
    scene.answer(new Error('the token is forged'))
    expect(scene.outcome.reply).toBeUndefined()
    expect((scene.outcome.error as Error).message).toMatch(/the token is forged/)
  })

  test('that sends tokens after the end or without a beginning', () => {
    const scene = starting()
    scene.harness.hear(gss)
    scene.answer({ token: 'one', isComplete: true })
    expect(scene.harness.hear(continuing('more'))).toBeInstanceOf(ProtocolError)
    expect(starting().harness.hear(continuing('more'))).toBeInstanceOf(ProtocolError)
  })
})

test("an error of the library has the service and advice, without the library's preamble", () => {
  const scene = starting()
  scene.harness.hear(gss)
  scene.answer(
    new Error('Unspecified GSS failure.  Minor code may provide more information: No Kerberos credentials available'),
  )
  expect(scene.outcome.error).toBeInstanceOf(OperationalError)
  expect((scene.outcome.error as Error).message).toMatch(
    /^GSSAPI authentication to service "postgres" on "db.example.org": No Kerberos credentials available\nHINT: {2}klist/,
  )
})

test("a refusal by the server is the server's own error", () => {
  const scene = starting()
  scene.harness.hear(gss)
  scene.answer({ token: 'one', isComplete: false })
  scene.harness.hear(error('28000', 'GSSAPI authentication failed for user "u"', 'FATAL'))
  expect(scene.outcome.error).toMatchObject({ sqlstate: '28000' })
})

test.each([
  ['over a socket', {}, { host: null }, gss, /needs a host's name: connect over TCP/],
  ['with channel_binding=require', { channelBinding: 'require' }, {}, gss, /no TLS to bind to/],
  ['with require_auth=sspi', { requireAuth: parseRequiredAuth('sspi') }, {}, gss, /asks for gss/],
  ['with require_auth=gss', { requireAuth: parseRequiredAuth('gss') }, {}, sspi, /asks for sspi/],
  ['with require_auth=!gss', { requireAuth: parseRequiredAuth('!gss') }, {}, gss, /asks for gss/],
  ['with require_auth=gss', { requireAuth: parseRequiredAuth('gss') }, {}, welcome, /without authentication/],
] as const)('%s it is refused before a token is made', (_, asked, through, bytes, pattern) => {
  const scene = starting(asked, through)
  scene.harness.hear(bytes)
  expect((scene.outcome.error as Error).message).toMatch(pattern)
  expect(scene.opened).toEqual([])
  expect(said(scene)).toBe('')
})

test('a login with tickets does not satisfy channel_binding=require, even with TLS', () => {
  const scene = starting({ channelBinding: 'require' }, { serverCertificate: new Uint8Array(1), isPrivate: true })
  scene.harness.hear(gss)
  expect((scene.outcome.error as Error).message).toMatch(/gss authentication, which cannot be bound/)
  expect(scene.opened).toEqual([])
})

test('a login with tickets satisfies require_auth=gss', () => {
  const scene = starting({ requireAuth: parseRequiredAuth('gss') })
  scene.harness.hear(gss)
  scene.answer({ token: 'one', isComplete: true })
  scene.harness.hear(welcome)
  expect(scene.outcome.reply).toMatchObject({ backendPid: 42 })
})
