/**
 * Which ways of authentication the program allows a server to ask for: `require_auth` and `channel_binding`, with libpq's
 * meaning. A server, or somebody in its place, that asks for less is refused before anything secret is sent.
 */
import { OperationalError } from '../../errors/tree.ts'
import type { AuthMethod, ChannelBinding, RequiredAuth } from '../../options/session-options.ts'

/** We do not go on with this server, and another of the list would hardly differ. */
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

  /** @throws AuthRefusedError when the server asks for what is not allowed. */
  request(method: AuthMethod): void {
    if (!this.#allows(method)) throw this.#refusal(`the server asks for ${method} authentication`)
    if (this.channelBinding === 'require' && method !== 'scram-sha-256') {
      throw new AuthRefusedError(
        `channel_binding=require: the server asks for ${method} authentication, which cannot be bound to the TLS connection`,
        { hint: 'let pg_hba.conf ask for scram-sha-256, or set channel_binding to prefer' },
      )
    }
  }

  /** The exchange of a method is over, as far as it is ours. */
  completed(isBound: boolean): void {
    this.#isAuthenticated = true
    this.#isBound ||= isBound
  }

  /** The server says that all is well. @throws AuthRefusedError when it has not asked for what it had to. */
  accepted(): void {
    if (!this.#isAuthenticated && !this.#allows('none')) {
      throw this.#refusal('the server let us in without authentication')
    }
    if (this.channelBinding === 'require' && !this.#isBound) {
      throw new AuthRefusedError(
        'channel_binding=require: the server let us in without authentication bound to the TLS connection',
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
