/**
 * The queries of a client with `pipeline: true`. Each is sent without waiting for those before it. A text that may hold
 * several statements cannot be sent in a pipeline: it waits for the queries before it, and the queries after it wait
 * for it.
 */
import type { Pipeline } from '../../index.ts'
import type { Sending, TextResult } from './sending.ts'

/** The calls of the connection that the feed uses. */
export interface FeedSite {
  openPipeline(work: (pipeline: Pipeline) => Promise<void>): Promise<void>
  alone(query: Sending): Promise<TextResult>
  within(pipeline: Pipeline, query: Sending): Promise<TextResult>
}

interface Waiting {
  readonly query: Sending
  readonly take: (result: TextResult) => void
  readonly fail: (error: unknown) => void
}

/** An open pipeline. It is closed when all its queries have ended. */
interface Open {
  readonly pipeline: Pipeline
  readonly close: () => void
  underway: number
}

export class PipelineFeed {
  readonly #site: FeedSite
  readonly #waiting: Waiting[] = []
  #state: 'free' | 'opening' | 'open' | 'closing' | 'alone' = 'free'
  #open: Open | null = null
  /** Resolves when the client has received the answers to all queries so far. */
  #answered: Promise<void> = Promise.resolve()

  constructor(site: FeedSite) {
    this.#site = site
  }

  /** Results and errors come in the order of the queries. */
  send(query: Sending, take: (result: TextResult) => void, fail: (error: unknown) => void): void {
    this.#waiting.push({ query, take, fail })
    this.#pump()
  }

  #pump(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const mayBeSeveral = !next.query.isExtended && next.query.text.includes(';')
      if (this.#state === 'free') {
        if (mayBeSeveral) this.#runAlone(this.#waiting.shift()!)
        else this.#openPipeline()
        return
      }
      if (this.#state !== 'open' || mayBeSeveral) return
      this.#runWithin(this.#open!, this.#waiting.shift()!)
    }
  }

  #runAlone({ query, take, fail }: Waiting): void {
    this.#state = 'alone'
    const free = (): void => {
      this.#state = 'free'
      this.#pump()
    }
    this.#site.alone(query).then(take, fail).then(free, free)
  }

  #runWithin(open: Open, { query, take, fail }: Waiting): void {
    open.underway += 1
    const ended = (): void => {
      open.underway -= 1
      if (open.underway > 0) return
      this.#state = 'closing'
      open.close()
    }
    const answer = this.#site.within(open.pipeline, query)
    answer.catch(() => {})
    // The driver refuses some queries at once, before it sends them. But the client takes each answer for that of its
    // oldest query, so the answers are passed on in order.
    this.#answered = this.#answered.then(() => answer.then(take, fail)).then(ended, ended)
  }

  #openPipeline(): void {
    this.#state = 'opening'
    const opened = this.#site.openPipeline((pipeline) => {
      return new Promise((close) => {
        this.#open = { pipeline, close, underway: 0 }
        this.#state = 'open'
        this.#pump()
      })
    })
    const ended = (error?: unknown): void => {
      const failed = this.#state === 'opening' ? this.#waiting.splice(0) : []
      this.#open = null
      this.#state = 'free'
      for (const { fail } of failed) fail(error)
      this.#pump()
    }
    opened.then(() => ended(), ended)
  }
}
