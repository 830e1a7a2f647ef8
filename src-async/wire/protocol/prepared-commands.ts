/**
 * A list of commands that a session runs many times. They are prepared once, each under its own name. After that the
 * server does not parse and plan them again, and the client writes the same bytes each time. They share one Sync, so
 * all of them take effect, or none.
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
/** A Bind body without parameter formats, parameters and result formats, so that results come as text. */
const BARE_BIND = new Uint8Array(6)

export class PreparedCommands {
  readonly #commands: readonly { readonly name: string; readonly sql: string }[]
  readonly #flight: Uint8Array
  /** Whether the server has the statements, so that the next run sends no Parse. */
  isPrepared = false

  /** @param name the statements get the names `name_1`, `name_2` … */
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

  /** Runs the commands. When it has to prepare them, it first closes statements that may exist under their names. */
  *run(link: Link): Exchange<null> {
    const prepares = !this.isPrepared
    if (prepares) this.#writePreparation(link.out)
    link.out.bytes(this.#flight)
    this.isPrepared = true
    if (prepares) yield* this.#readPreparation(link)
    for (let left = this.#commands.length; left > 0; left--) {
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
    for (let left = this.#commands.length; left > 0; left--) {
      yield
      expect(link, CLOSE_COMPLETE, 'Close')
      yield
      expect(link, PARSE_COMPLETE, 'Parse')
    }
  }
}
