/**
 * The state of a session's COPY FROM STDIN, between `copyInStart` and `copyInEnd`. It streams the data to a server. For
 * PGlite, which takes only whole requests (all messages up to their Sync), it buffers all data until the end.
 */
import { InterfaceError } from '../errors/tree.ts'
import type { CopyInEndReply, CopyInStartRequest, Nothing } from './operations.ts'
import type { Conversation } from './protocol/conversation.ts'
import { copyIn, copyInWhole } from './protocol/copy-in.ts'
import type { Exchange } from './protocol/exchange.ts'
import { writeCopyData, writeCopyDone, writeCopyFail } from './protocol/frontend.ts'
import type { Transport } from './transport/transport.ts'

type Run = (exchange: Exchange<CopyInEndReply>) => Promise<CopyInEndReply>

type State =
  | { readonly kind: 'none' }
  | { readonly kind: 'starting' }
  | { readonly kind: 'streaming'; readonly reply: Promise<CopyInEndReply> }
  | { readonly kind: 'buffering'; readonly request: CopyInStartRequest; readonly chunks: Uint8Array[] }
  /** The server has ended the COPY with an error, before `copyInEnd`. */
  | { readonly kind: 'failed'; readonly error: unknown }

const NONE: State = { kind: 'none' }
const NOTHING: Nothing = Object.freeze({})

export class CopyInState {
  readonly #conversation: Conversation
  readonly #transport: Transport
  #state: State = NONE
  #drainWaiters: (() => void)[] = []

  constructor(conversation: Conversation, transport: Transport) {
    this.#conversation = conversation
    this.#transport = transport
  }

  get isActive(): boolean {
    return this.#state.kind !== 'none' && this.#state.kind !== 'failed'
  }

  /** Whether a COPY is in progress while no call of it is running. */
  get isBetweenCalls(): boolean {
    return this.#state.kind === 'streaming'
  }

  async start(request: CopyInStartRequest, run: Run): Promise<Nothing> {
    const { kind } = this.#state
    if (kind !== 'none' && kind !== 'failed') throw new InterfaceError('copyInStart: another COPY is still in progress')
    if (this.#transport.sendsWholeFlights) {
      this.#state = { kind: 'buffering', request, chunks: [] }
      return NOTHING
    }
    this.#state = { kind: 'starting' }
    try {
      await this.#stream(request, run)
    } catch (error) {
      this.#state = NONE
      throw error
    }
    return NOTHING
  }

  /** @throws the error with which the server ended the COPY, if it did. */
  write(bytes: Uint8Array): void {
    const state = this.#requireCopy('copyInData')
    if (state.kind === 'buffering') state.chunks.push(new Uint8Array(bytes))
    else writeCopyData(this.#conversation.link.out, bytes)
  }

  async end(failure: string | null, run: Run): Promise<CopyInEndReply> {
    const state = this.#requireCopy('copyInEnd')
    this.#state = NONE
    if (state.kind === 'buffering') {
      return run(copyInWhole(this.#conversation.link, state.request, state.chunks, failure))
    }
    const { out } = this.#conversation.link
    if (failure === null) writeCopyDone(out)
    else writeCopyFail(out, failure)
    return state.reply
  }

  /** Ends a COPY whose time limit has passed, by a CopyFail: a server that waits for data does not react to a cancel. */
  expire(): void {
    if (this.#state.kind === 'streaming') writeCopyFail(this.#conversation.link.out, 'the time limit has passed')
  }

  /** Resolves when the transport can take more data, or has closed. */
  drained(): Promise<void> {
    return new Promise((resolve) => this.#drainWaiters.push(resolve))
  }

  drain(): void {
    if (this.#drainWaiters.length === 0) return
    for (const resume of this.#drainWaiters.splice(0)) resume()
  }

  /** Resolves when the server asks for data. */
  #stream(request: CopyInStartRequest, run: Run): Promise<void> {
    return new Promise((resolve, reject) => {
      const reply: Promise<CopyInEndReply> = run(
        copyIn(this.#conversation.link, request, () => {
          this.#state = { kind: 'streaming', reply }
          resolve()
        }),
      )
      reply.catch((error: unknown) => {
        if (this.#state.kind === 'streaming') this.#state = { kind: 'failed', error }
        reject(error)
      })
    })
  }

  #requireCopy(operation: string): Extract<State, { kind: 'streaming' | 'buffering' }> {
    const state = this.#state
    if (state.kind === 'streaming' || state.kind === 'buffering') return state
    if (state.kind === 'failed') {
      this.#state = operation === 'copyInEnd' ? NONE : state
      throw state.error
    }
    throw new InterfaceError(`${operation}: no COPY is in progress`)
  }
}
