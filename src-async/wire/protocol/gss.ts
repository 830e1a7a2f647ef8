/**
 * The exchange of GSSAPI tokens, on which Kerberos travels. Knows messages only: what makes and reads the tokens is given.
 * The server proves itself too, so AuthenticationOk before the last of them is not enough. Source of truth: PostgreSQL
 * manual, "Message Flow", AuthenticationGSS and AuthenticationGSSContinue; RFC 2743.
 */
import { DbError, ProtocolError } from '../../errors/tree.ts'
import { AuthRefusedError } from './auth-policy.ts'
import { elsewhere, unexpected, type Exchange, type Link } from './exchange.ts'
import { writeGssResponse } from './frontend.ts'
import { AUTHENTICATION } from './tags.ts'

export interface GssOptions {
  /** Name of the service in the server's principal: `postgres` in `postgres/db.example.org@REALM`. */
  readonly serviceName: string
  /** Whether the server gets credentials to act for the user elsewhere. */
  readonly isDelegated: boolean
}

export interface GssRequest extends GssOptions {
  /** What the server is called in its principal. */
  readonly host: string
}

/** What one step gives. */
export interface GssStep {
  /** To be sent; null where there is nothing to say. */
  readonly token: Uint8Array | null
  /** Both sides are sure of each other. */
  readonly isComplete: boolean
}

/** One authentication under way. */
export interface GssContext {
  /**
   * Works on the server's token without holding up the thread, and calls back later.
   * @param challenge null at the first step
   */
  step(challenge: Uint8Array | null, done: (error: Error | null, step: GssStep) => void): void
}

/** Begins one, without doing anything yet. */
export type OpenGss = (request: GssRequest) => GssContext

export const AUTH_GSS_CONTINUE = 8

/**
 * From the server's request up to where AuthenticationOk is due.
 * @throws AuthRefusedError when there are no credentials, or the server could not prove itself.
 */
export function* authenticateByGss(link: Link, context: GssContext, request: GssRequest): Exchange<void> {
  let challenge: Uint8Array | null = null
  // It ends when the library is satisfied or refuses: a mechanism has two or three tokens, none for ever.
  for (;;) {
    const { token, isComplete } = yield* stepOf(link, context, challenge, request)
    if (token !== null) writeGssResponse(link.out, token)
    if (isComplete) return
    yield
    if (link.tag !== AUTHENTICATION) throw unexpected(link, 'GSSAPI authentication')
    const method = link.body.int32()
    if (method !== AUTH_GSS_CONTINUE) {
      throw new ProtocolError(
        `GSSAPI authentication: the server sent step ${method} before it had proven who it is, instead of ${AUTH_GSS_CONTINUE}`,
      )
    }
    challenge = link.body.copy(link.body.remaining)
  }
}

function* stepOf(
  link: Link,
  context: GssContext,
  challenge: Uint8Array | null,
  { serviceName, host }: GssRequest,
): Exchange<GssStep> {
  try {
    return yield* elsewhere<GssStep>(link, 'GSSAPI authentication', (done) => context.step(challenge, done))
  } catch (cause) {
    if (cause instanceof DbError) throw cause
    throw new AuthRefusedError(`GSSAPI authentication to service "${serviceName}" on "${host}": ${wordsOf(cause)}`, {
      hint: 'klist shows whether there is a ticket, kinit gets one; the name of the service is the krbsrvname option',
      cause,
    })
  }
}

/** Of "Unspecified GSS failure. Minor code may provide more information: …" only the information. */
function wordsOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.replace(/^Unspecified GSS failure\.\s+Minor code may provide more information:\s*/, '')
}
