/**
 * JavaScript at the prompt, with the connection in scope: `con`, `cur`, `sql`, `db`, the variables of `\set` and `\gset`
 * as `vars`, and the last result as `_`. Calls block, so there is nothing to await.
 */
import { inspect } from 'node:util'
import { Script } from 'node:vm'
import * as db from '../index.ts'
import { resultTable } from './execute-sql.ts'
import type { Shell } from './shell.ts'
import type { Cell, Table } from './table.ts'

const UNFINISHED = /^(?:Unexpected end of input|Unterminated template literal|missing \) after argument list)/

export class JavaScript {
  readonly #shell: Shell
  #text = ''
  #current: { readonly connection: db.Connection; readonly cursor: db.Cursor } | null = null

  constructor(shell: Shell) {
    this.#shell = shell
    const scope = globalThis as Record<string, unknown>
    Object.defineProperty(globalThis, 'con', { get: () => shell.connection, configurable: true })
    Object.defineProperty(globalThis, 'cur', { get: () => this.#cursor(), configurable: true })
    Object.assign(scope, { db, sql: db.sql, vars: variablesOf(shell), _: undefined })
  }

  /** One cursor for as long as its connection lives. */
  #cursor(): db.Cursor {
    const { connection } = this.#shell
    if (this.#current?.connection !== connection || this.#current.cursor.closed) {
      this.#current = { connection, cursor: connection.cursor() }
    }
    return this.#current.cursor
  }

  /** Whether what has been typed is not whole yet. */
  get isOpen(): boolean {
    return this.#text !== ''
  }

  forget(): void {
    this.#text = ''
  }

  /** Takes a line, and runs what is whole. */
  take(line: string): void {
    this.#text += this.#text === '' ? line : `\n${line}`
    let script: Script
    try {
      script = compile(this.#text)
    } catch (error) {
      if (error instanceof SyntaxError && UNFINISHED.test(error.message) && line !== '') return
      this.#text = ''
      this.#shell.tell(`${String(error)}\n`)
      return
    }
    this.#text = ''
    try {
      const value: unknown = script.runInThisContext({ breakOnSigint: true })
      ;(globalThis as Record<string, unknown>)['_'] = value
      this.#show(value)
    } catch (error) {
      this.#fail(error)
    }
  }

  #show(value: unknown): void {
    const shell = this.#shell
    if (value === undefined) return
    if (value instanceof db.Cursor && value.description !== null && value.name === null) {
      const rest = value.rownumber ?? 0
      shell.show(valueTable(value))
      if (value.rowcount > 0 && rest < value.rowcount) value.scroll(rest, 'absolute')
      return
    }
    const isPromise = value instanceof Promise
    const text = isPromise
      ? 'a Promise, which is not waited for: use the calls that block'
      : inspect(value, { colors: process.stdout.isTTY === true })
    shell.output.write(`${text}\n`)
  }

  #fail(error: unknown): void {
    if (error instanceof db.DbError && error.severity !== undefined) return this.#shell.fail(error)
    const text = error instanceof Error ? `${error.name}: ${error.message}` : inspect(error)
    this.#shell.tellServerText(`Uncaught ${text}\n`)
  }
}

/** An object literal is meant where a block would do: `{ a: 1 }`. */
function compile(text: string): Script {
  const options = { filename: 'prompt' }
  if (/^\s*\{[^]*\}\s*$/.test(text)) {
    try {
      return new Script(`(${text})`, options)
    } catch {
      // It was a block.
    }
  }
  return new Script(text, options)
}

/** A cursor whose values are JavaScript's: printed as the inspector prints them. */
function valueTable(cursor: db.Cursor): Table {
  const table = resultTable(cursor)
  const rows: Iterable<readonly Cell[]> = {
    *[Symbol.iterator]() {
      for (const row of table.rows as Iterable<Iterable<unknown>>) yield [...row].map(shown)
    },
  }
  return { ...table, rows }
}

function shown(value: unknown): Cell {
  if (value === null || typeof value === 'string') return value
  if (value instanceof globalThis.Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString()
  if (typeof value === 'object') return inspect(value, { breakLength: Infinity, depth: 4 })
  return String(value)
}

/** `vars.name` reads and writes what `:name` means in SQL. */
function variablesOf(shell: Shell): object {
  return new Proxy(Object.create(null) as object, {
    get: (_target, name) => (typeof name === 'string' ? shell.variables.get(name) : undefined),
    set(_target, name, value) {
      if (typeof name === 'string') shell.variables.set(name, String(value))
      return true
    },
    has: (_target, name) => typeof name === 'string' && shell.variables.get(name) !== undefined,
    ownKeys: () => [...shell.variables.entries()].map(([name]) => name),
    getOwnPropertyDescriptor: (_target, name) => ({
      value: typeof name === 'string' ? shell.variables.get(name) : undefined,
      enumerable: true,
      configurable: true,
    }),
  })
}
