/** A cursor that gives the rows of a statement in pieces, as text. `Cursor` and `QueryStream` use it. */
import {
  type Connection as Driver,
  type Cursor,
  InterfaceError,
  type ResultColumn,
  type Transaction,
} from '../../index.ts'
import type { Prepared } from './prepare-value.ts'
import { refusedByServer } from './sending.ts'

const TEXT = { types: 'text', values: 'text' } as const

/** A piece of the rows. `tag` is the command tag if they were the last rows, else null. */
export interface Piece {
  readonly rows: unknown[]
  readonly tag: string | null
}

/** The statement of a cursor. */
export interface CursorSource {
  readonly text: string
  readonly values: readonly Prepared[]
  readonly rowsAsArrays: boolean
}

/**
 * A cursor of pg also works outside of a transaction, because pg leaves the protocol's exchange open. The driver's
 * cursor needs a transaction. If there is none, this class begins one and ends it with the cursor.
 */
export class TextCursor {
  readonly #driver: Driver
  readonly #cursor: Cursor<unknown>
  readonly #own: Transaction | null
  readonly #source: CursorSource
  #hasFailed = false
  #isClosed = false

  /** Made by `open`. */
  constructor(driver: Driver, cursor: Cursor<unknown>, own: Transaction | null, source: CursorSource) {
    this.#driver = driver
    this.#cursor = cursor
    this.#own = own
    this.#source = source
  }

  /** @throws the server's error; a transaction begun here is rolled back then */
  static async open(driver: Driver, source: CursorSource): Promise<TextCursor> {
    const own = driver.isInTransaction ? null : await driver.transaction().start()
    try {
      const rowFactory = source.rowsAsArrays ? 'array' : 'object'
      const cursor = await driver.cursor<unknown>(source.text, source.values, { ...TEXT, rowFactory }).open()
      return new TextCursor(driver, cursor, own, source)
    } catch (error) {
      if (!driver.isClosed) await own?.rollback()
      return await refusedByServer(driver, error)
    }
  }

  get columns(): readonly ResultColumn[] {
    return this.#cursor.columns
  }

  /** Returns the next rows. A statement without rows runs in this call. */
  async fetch(count: number): Promise<Piece> {
    try {
      const rows = await this.#cursor.fetch(count)
      return { rows, tag: this.#cursor.tag }
    } catch (error) {
      if (this.columns.length === 0 && error instanceof InterfaceError && !this.#driver.isClosed) return this.#run()
      this.#hasFailed = true
      throw error
    }
  }

  /** Closes the cursor and ends its own transaction: commits it, or rolls back after a failure. */
  async close(): Promise<void> {
    if (this.#driver.isClosed || this.#isClosed) return
    this.#isClosed = true
    if (this.#hasFailed) return void (await this.#own?.rollback())
    await this.#cursor.close()
    await this.#own?.commit()
  }

  async #run(): Promise<Piece> {
    try {
      const { tag } = await this.#driver.query(this.#source.text, this.#source.values, TEXT)
      return { rows: [], tag }
    } catch (error) {
      this.#hasFailed = true
      throw error
    }
  }
}
