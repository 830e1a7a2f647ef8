/**
 * Checks which authentication methods the program allows: `require_auth` and `channel_binding`, with libpq's meaning. A
 * server, or an attacker in its place, that asks for a weaker method is refused before a secret is sent.
 */
import { OperationalError } from '../../errors/tree.ts'
import type { AuthMethod, ChannelBinding, RequiredAuth } from '../../options/session-options.ts'

/** The client refuses to go on with this server. No other host is tried, because it would hardly behave differently. */
export class AuthRefusedError extends OperationalError {}

export class AuthPolicy {
  readonly channelBinding: ChannelBinding
  readonly #required: RequiredAuth | null
  #isAuthenticated = false
  #isBound = false

  constructor(channelBinding: ChannelBinding, required: RequiredAuth | null) {
    this.channelBinding = channelBinding
    this.#required = required
  }

  /** Called when the server asks for a method. @throws AuthRefusedError when it is not allowed. */
  request(method: AuthMethod): void {
    if (!this.#allows(method)) throw this.#refusal(`the server asks for ${method} authentication`)
    if (this.channelBinding === 'require' && method !== 'scram-sha-256') {
      throw new AuthRefusedError(
        `channel_binding=require: the server asks for ${method} authentication, which cannot be bound to the TLS connection`,
        { hint: 'let pg_hba.conf ask for scram-sha-256, or set channel_binding to prefer' },
      )
    }
  }

  /** Called when the client has done its part of a method. */
  completed(isBound: boolean): void {
    this.#isAuthenticated = true
    this.#isBound ||= isBound
  }

  /** Called at AuthenticationOk. @throws AuthRefusedError when the server did not ask for what the program requires. */
  accepted(): void {
    if (!this.#isAuthenticated && !this.#allows('none')) {
      throw this.#refusal('the server accepted the connection without authentication')
    }
    if (this.channelBinding === 'require' && !this.#isBound) {
      throw new AuthRefusedError(
        'channel_binding=require: the server accepted the connection without authentication bound to TLS',
        { hint: 'let pg_hba.conf ask for scram-sha-256, or set channel_binding to prefer' },
      )
    }
  }

  #allows(method: AuthMethod): boolean {
    const required = this.#required
    return required === null || required.methods.includes(method) !== required.isNegated
  }

  #refusal(what: string): AuthRefusedError {
    const { methods, isNegated } = this.#required!
    const text = methods.map((method) => (isNegated ? `!${method}` : method)).join(',')
    return new AuthRefusedError(`${what}, which require_auth=${text} does not allow`, {
      hint: 'change require_auth, or the line of pg_hba.conf that applies',
    })
  }
}
