/**
 * The client's side of SCRAM-SHA-256, with channel binding or without. It is pure: strings in, strings out. The caller derives
 * the key from the password, because that can take seconds. The server has to prove that it knows the password, so its nonce
 * and its signature are checked. The user name is empty, because PostgreSQL takes it from the StartupMessage. Source of truth:
 * RFC 5802, RFC 7677.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { OperationalError, ProtocolError } from '../../errors/tree.ts'

export const SCRAM_SHA_256 = 'SCRAM-SHA-256'
export const SCRAM_SHA_256_PLUS = 'SCRAM-SHA-256-PLUS'

/** PostgreSQL's default is 4096. This many iterations take seconds, and a server that asks for more may be an attacker. */
const MAX_ITERATIONS = 10_000_000

/** The client's channel binding: none, one that the server did not offer, or a binding to `data`. */
export type Binding =
  | { readonly kind: 'none' }
  | { readonly kind: 'not-offered' }
  | { readonly kind: 'bound'; readonly data: Uint8Array }

const GS2_HEADERS = { none: 'n,,', 'not-offered': 'y,,', bound: 'p=tls-server-end-point,,' } as const

/** The server's first message. */
export interface ScramChallenge {
  readonly text: string
  /** The client's nonce, continued by the server. */
  readonly nonce: string
  readonly salt: Uint8Array
  readonly iterations: number
}

export class ScramClient {
  readonly #nonce: string
  readonly #firstBare: string
  readonly #binding: Binding
  #serverSignature: Buffer | null = null

  /** `nonce` and `user` are parameters only so that a test can check the example in the RFC. */
  constructor(binding: Binding, nonce = randomBytes(18).toString('base64'), user = '') {
    this.#binding = binding
    this.#nonce = nonce
    this.#firstBare = `n=${user},r=${nonce}`
  }

  get mechanism(): string {
    return this.#binding.kind === 'bound' ? SCRAM_SHA_256_PLUS : SCRAM_SHA_256
  }

  firstMessage(): string {
    return GS2_HEADERS[this.#binding.kind] + this.#firstBare
  }

  /**
   * Reads the server's first message.
   * @throws ProtocolError when it is malformed or its nonce does not continue the client's; OperationalError when it asks for too
   *   many iterations.
   */
  readChallenge(serverFirst: string): ScramChallenge {
    const match = /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/]+={0,2}),i=([0-9]{1,10})(?:,|$)/.exec(serverFirst)
    if (match === null) throw new ProtocolError('SCRAM authentication: the server sent a malformed first message')
    const [, nonce, salt, iterationText] = match as unknown as [string, string, string, string]
    if (!nonce.startsWith(this.#nonce) || nonce.length === this.#nonce.length) {
      throw new ProtocolError('SCRAM authentication: the server did not continue our nonce')
    }
    const iterations = Number(iterationText)
    if (iterations < 1) throw new ProtocolError('SCRAM authentication: the server asks for no iterations')
    if (iterations > MAX_ITERATIONS) {
      throw new OperationalError(
        `SCRAM authentication: the server asks for ${iterations} iterations, more than the ${MAX_ITERATIONS} allowed`,
        { hint: 'lower scram_iterations on the server and set the password again' },
      )
    }
    return { text: serverFirst, nonce, salt: Buffer.from(salt, 'base64'), iterations }
  }

  /**
   * Makes the answer to the server's first message.
   * @param salted 32 bytes: the password after PBKDF2 with SHA-256, with the salt and iterations of the challenge
   */
  respond(challenge: ScramChallenge, salted: Uint8Array): string {
    const clientKey = hmac(salted, 'Client Key')
    const storedKey = createHash('sha256').update(clientKey).digest()
    const finalBare = `c=${this.#channelBinding()},r=${challenge.nonce}`
    const authMessage = `${this.#firstBare},${challenge.text},${finalBare}`
    const proof = hmac(storedKey, authMessage)
    for (let i = 0; i < proof.length; i++) proof[i]! ^= clientKey[i]!
    this.#serverSignature = hmac(hmac(salted, 'Server Key'), authMessage)
    return `${finalBare},p=${proof.toString('base64')}`
  }

  /** The GS2 header again, so that the server notices a changed one, and the data that the connection is bound to. */
  #channelBinding(): string {
    const header = Buffer.from(GS2_HEADERS[this.#binding.kind])
    const data = this.#binding.kind === 'bound' ? [header, this.#binding.data] : [header]
    return Buffer.concat(data).toString('base64')
  }

  /**
   * Checks the server's last message.
   * @throws OperationalError when the server does not know the password; ProtocolError when the message is malformed.
   */
  verify(serverFinal: string): void {
    const failure = /^e=([^,]*)/.exec(serverFinal)
    if (failure !== null) throw new OperationalError(`SCRAM authentication: the server refused: ${failure[1]}`)
    const match = /^v=([A-Za-z0-9+/]+={0,2})(?:,|$)/.exec(serverFinal)
    if (match === null || this.#serverSignature === null) {
      throw new ProtocolError('SCRAM authentication: the server sent a malformed last message')
    }
    const signature = Buffer.from(match[1]!, 'base64')
    if (signature.length !== this.#serverSignature.length || !timingSafeEqual(signature, this.#serverSignature)) {
      throw new OperationalError(
        'SCRAM authentication: the server could not prove that it knows the password; it may be an impostor',
      )
    }
  }
}

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
