/**
 * Authentication by a bearer token: OAUTHBEARER. A token is a secret. It is sent once, over a private channel, and never
 * appears in an error. Source of truth: RFC 7628; PostgreSQL manual, "OAuth Authorization/Authentication".
 */
import { AuthRefusedError } from './auth-policy.ts'
import { unexpected, type Exchange, type Link } from './exchange.ts'
import { writeSaslInitialResponse, writeSaslResponse } from './frontend.ts'

export const OAUTHBEARER = 'OAUTHBEARER'

/** The only answer that a client may give to the server's reasons: RFC 7628, section 3.2.3. */
const ACKNOWLEDGED = '\u0001'
/** How many characters of each reason are shown. */
const MOST_SHOWN = 200

/** Sends the token. @throws AuthRefusedError when there is no token, it is malformed, or others could read it. */
export function sendToken(link: Link, user: string, token: string | null, isPrivate: boolean): void {
  if (token === null || token === '') {
    throw new AuthRefusedError(`the server asks user "${user}" for an OAuth token, and none was given`, {
      hint: 'pass the oauthToken option, a bearer token or a function that gets one',
    })
  }
  // These are the characters of RFC 6750, section 2.1. Others could forge further fields of the message.
  if (!/^[A-Za-z0-9\-._~+/]+=*$/.test(token)) {
    throw new AuthRefusedError('connect: oauthToken: this is no bearer token: it has characters that are not allowed')
  }
  if (!isPrivate) {
    throw new AuthRefusedError('an OAuth token must not be sent unencrypted, because anyone who reads it can use it', {
      hint: 'set sslmode to require or stronger',
    })
  }
  writeSaslInitialResponse(link.out, OAUTHBEARER, `n,,\u0001auth=Bearer ${token}\u0001\u0001`)
}

/** Answers a server that has refused the token with reasons. The reasons become the hint of the ErrorResponse that follows. */
export function* acknowledgeRefusal(link: Link, token: string): Exchange<void> {
  link.refusalHint = hintOf(link.body.utf8(link.body.remaining), token)
  writeSaslResponse(link.out, ACKNOWLEDGED)
  yield
  // The expected ErrorResponse would not have resumed this exchange.
  throw unexpected(link, 'a refused token')
}

/** Says which token the server wants; null when the reasons cannot be parsed, or contain the token itself. */
function hintOf(json: string, token: string): string | null {
  let reasons: unknown
  try {
    reasons = JSON.parse(json)
  } catch {
    return null
  }
  if (typeof reasons !== 'object' || reasons === null || (token !== '' && json.includes(token))) return null
  const { status, scope, ...others } = reasons as Readonly<Record<string, unknown>>
  const said = typeof status === 'string' ? [`the server says ${shown(status)} of the token`] : []
  const issuer = others['openid-configuration']
  if (typeof issuer === 'string') said.push(`it trusts the issuer of ${shown(issuer)}`)
  if (typeof scope === 'string') said.push(`it wants the scope ${shown(scope)}`)
  return said.length === 0 ? null : said.join('; ')
}

function shown(text: string): string {
  return JSON.stringify(text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text)
}
