/**
 * A list of commands that a session runs again and again, prepared once under names of their own: the server parses and
 * plans them no more, and the client writes the same bytes each time. All of them or none take effect.
 */
import { ByteWriter } from '../../bytes/byte-writer.ts'
import type { RowSink } from '../row-sink.ts'
import { expect, unexpected, type Exchange, type Link } from './exchange.ts'
import { writeBind, writeCloseStatement, writeExecute, writeParse, writeSync } from './frontend.ts'
import {
  BIND_COMPLETE,
  CLOSE_COMPLETE,
  COMMAND_COMPLETE,
  EMPTY_QUERY_RESPONSE,
  PARSE_COMPLETE,
  READY_FOR_QUERY,
} from './tags.ts'

const IGNORED_ROWS: RowSink = { take: () => {} }
/** No parameter formats, no parameters, no result formats: all as text. */
const BARE_BIND = new Uint8Array(6)

export class PreparedCommands {
  readonly #commands: readonly { readonly name: string; readonly sql: string }[]
  readonly #flight: Uint8Array
  /** Whether the server has the statements: the next run leaves out their Parse. */
  isPrepared = false

  /** @param name the statements are called `name_1`, `name_2` … */
  constructor(name: string, texts: readonly string[]) {
    this.#commands = texts.map((sql, index) => ({ name: `${name}_${index + 1}`, sql }))
    const out = new ByteWriter(256)
    for (const command of this.#commands) {
      writeBind(out, command.name, BARE_BIND, 0, BARE_BIND.length)
      writeExecute(out, 0)
    }
    writeSync(out)
    this.#flight = new Uint8Array(out.view())
  }

  /** Runs them. What was prepared under their names, by them or by anybody else, is closed before they are prepared. */
  *run(link: Link): Exchange<null> {
    const prepares = !this.isPrepared
    if (prepares) this.#writePreparation(link.out)
    link.out.bytes(this.#flight)
    this.isPrepared = true
    if (prepares) yield* this.#readPreparation(link)
    for (let due = this.#commands.length; due > 0; due--) {
      yield
      expect(link, BIND_COMPLETE, 'Bind')
      link.rows = IGNORED_ROWS
      yield
      link.rows = null
      if (link.tag !== COMMAND_COMPLETE && link.tag !== EMPTY_QUERY_RESPONSE) throw unexpected(link, 'Execute')
    }
    yield
    expect(link, READY_FOR_QUERY, 'Sync')
    return null
  }

  #writePreparation(out: ByteWriter): void {
    for (const { name, sql } of this.#commands) {
      writeCloseStatement(out, name)
      writeParse(out, name, { sql, parameterTypes: [] })
    }
  }

  *#readPreparation(link: Link): Exchange<void> {
    for (let due = this.#commands.length; due > 0; due--) {
      yield
      expect(link, CLOSE_COMPLETE, 'Close')
      yield
      expect(link, PARSE_COMPLETE, 'Parse')
    }
  }
}
