/**
 * The part of pg's protocol that the npm packages `pg-cursor` and `pg-query-stream` use: they open a portal by messages
 * and get its rows one by one. This file translates their messages into calls of a driver's cursor.
 */
import { EventEmitter } from 'node:events'
import type { Connection, Runnable } from './connection.ts'
import { outside } from './outside.ts'
import { type Prepared, prepareValue } from './prepare-value.ts'
import { fieldOf } from './result.ts'
import type { TextCursor } from './text-cursor.ts'

/** The methods that pg's connection calls for each message. */
export interface PortalReader extends Omit<Runnable, 'submit'> {
  submit(connection: unknown): unknown
  handleRowDescription(message: { readonly fields: readonly unknown[] }): void
  handleDataRow(message: { readonly fields: readonly unknown[] }): void
  handlePortalSuspended(connection: unknown): void
  handleCommandComplete(message: { readonly text: string }, connection: unknown): void
  handleEmptyQuery(connection: unknown): void
}

/** Whether a query reads a portal by pg's messages, as the package `pg-cursor` does. */
export function isPortalReader(query: object): query is PortalReader {
  const { handlePortalSuspended, handleDataRow } = query as Partial<PortalReader>
  return typeof handlePortalSuspended === 'function' && typeof handleDataRow === 'function'
}

/** Stands for pg's connection; such a reader calls its methods. */
export class ForeignPortal extends EventEmitter {
  readonly #connection: Connection
  readonly #reader: PortalReader
  #text = ''
  #values: readonly Prepared[] = []
  #isDescribed = false
  #wanted: number | null = null
  #rows: TextCursor | null = null
  #isGivenBack = false
  #last: Promise<void> = Promise.resolve()
  readonly #ended = (): void => {
    this.emit('end')
  }

  constructor(connection: Connection, reader: PortalReader) {
    super()
    this.#connection = connection
    this.#reader = reader
    connection.once('end', this.#ended)
  }

  parse({ text }: { readonly text: string }): void {
    this.#text = text
  }

  bind({ values }: { readonly values?: readonly unknown[] | null }): void {
    this.#values = (values ?? []).map((value) => prepareValue(value))
  }

  describe(): void {}

  execute({ rows }: { readonly rows: number }): void {
    this.#wanted = rows
  }

  /** Performs the messages since the last `flush`. */
  flush(): void {
    const wanted = this.#wanted
    this.#wanted = null
    if (!this.#isDescribed) this.#then(() => this.#open())
    this.#isDescribed = true
    if (wanted !== null) this.#then(() => this.#fetch(wanted))
  }

  close(): void {}

  /** Ends the portal. */
  sync(): void {
    this.#then(() => this.#finish())
  }

  /** Ends the connection; `Cursor.end` calls it. */
  end(): void {
    this.#connection.end()
  }

  #then(step: () => Promise<void>): void {
    this.#last = this.#last.then(step).catch((error: unknown) => this.#fail(error))
  }

  async #open(): Promise<void> {
    this.#rows = await this.#connection.openCursor(this.#text, this.#values, true)
    const fields = this.#rows.columns.map((column) => fieldOf(column))
    outside(() => {
      if (fields.length === 0) return this.emit('noData')
      this.emit('rowDescription')
      this.#reader.handleRowDescription({ fields })
      return true
    })
  }

  async #fetch(count: number): Promise<void> {
    if (this.#rows === null || this.#isGivenBack) return
    const { rows, tag } = await this.#rows.fetch(count)
    for (const fields of rows as unknown[][]) this.#reader.handleDataRow({ fields })
    outside(() => {
      if (tag === null) this.#reader.handlePortalSuspended(this)
      else if (tag === '') this.#reader.handleEmptyQuery(this)
      else this.#reader.handleCommandComplete({ text: tag }, this)
    })
  }

  async #finish(): Promise<void> {
    if (!this.#isGivenBack) {
      await this.#rows?.close()
      this.#giveBack()
      this.#connection.finish()
    }
    this.emit('readyForQuery')
  }

  #giveBack(): void {
    this.#isGivenBack = true
    this.#connection.removeListener('end', this.#ended)
  }

  async #fail(error: unknown): Promise<void> {
    if (this.#isGivenBack) return
    this.#giveBack()
    try {
      await this.#rows?.close()
    } catch {
      // The first error is reported, not this one.
    }
    this.#connection.fail(error)
  }
}
