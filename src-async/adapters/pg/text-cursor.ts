/** The rows of a statement in pieces, as text, for `Cursor` and `QueryStream`. */
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

/** A piece of rows; `tag` is the command tag where they were the last ones. */
export interface Piece {
  readonly rows: unknown[]
  readonly tag: string | null
}

/** What a cursor runs. */
export interface CursorSource {
  readonly text: string
  readonly values: readonly Prepared[]
  readonly rowsAsArrays: boolean
}

/**
 * pg's cursors live outside of a transaction too, because pg leaves the protocol's exchange open. The driver's need one: it is
 * begun here where there is none, and ends with the cursor.
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

  /** @throws the server's error, and leaves no transaction behind */
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

  /** The next rows. A statement that gives none is run by this. */
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

  /** Ends it, and its own transaction: what has run stands unless something has failed. */
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
