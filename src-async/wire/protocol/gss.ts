/**
 * Exchanges GSSAPI tokens, which Kerberos uses. This file knows messages only; a library given as `GssContext` makes and reads
 * the tokens. The server has to prove its identity too, so AuthenticationOk before the last token is refused. Source of truth:
 * PostgreSQL manual, "Message Flow", AuthenticationGSS and AuthenticationGSSContinue; RFC 2743.
 */
import { DbError, ProtocolError } from '../../errors/tree.ts'
import { AuthRefusedError } from './auth-policy.ts'
import { awaitWork, unexpected, type Exchange, type Link } from './exchange.ts'
import { writeGssResponse } from './frontend.ts'
import { AUTHENTICATION } from './tags.ts'

export interface GssOptions {
  /** Name of the service in the server's principal: `postgres` in `postgres/db.example.org@REALM`. */
  readonly serviceName: string
  /** Whether the server gets credentials to act for the user elsewhere. */
  readonly isDelegated: boolean
}

export interface GssRequest extends GssOptions {
  /** The host name in the server's principal. */
  readonly host: string
}

/** The result of one step. */
export interface GssStep {
  /** The token to send; null when there is none. */
  readonly token: Uint8Array | null
  /** Whether both sides have proven who they are. */
  readonly isComplete: boolean
}

/** One authentication. */
export interface GssContext {
  /**
   * Handles the server's token without blocking the thread, and calls back later.
   * @param challenge null at the first step
   */
  step(challenge: Uint8Array | null, done: (error: Error | null, step: GssStep) => void): void
}

/** Makes a context. Its first step begins the authentication. */
export type OpenGss = (request: GssRequest) => GssContext

export const AUTH_GSS_CONTINUE = 8

/**
 * Authenticates. The next message after it returns has to be AuthenticationOk.
 * @throws AuthRefusedError when there are no credentials, or the server could not prove its identity.
 */
export function* authenticateByGss(link: Link, context: GssContext, request: GssRequest): Exchange<void> {
  let challenge: Uint8Array | null = null
  // The loop ends when the library is complete or refuses. A mechanism exchanges two or three tokens.
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
    return yield* awaitWork<GssStep>(link, 'GSSAPI authentication', (done) => context.step(challenge, done))
  } catch (cause) {
    if (cause instanceof DbError) throw cause
    throw new AuthRefusedError(`GSSAPI authentication to service "${serviceName}" on "${host}": ${wordsOf(cause)}`, {
      hint: 'klist shows whether there is a ticket, kinit gets one; the name of the service is the krbsrvname option',
      cause,
    })
  }
}

/** Removes "Unspecified GSS failure. Minor code may provide more information:" from the message of an error. */
function wordsOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.replace(/^Unspecified GSS failure\.\s+Minor code may provide more information:\s*/, '')
}
