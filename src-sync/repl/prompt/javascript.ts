/**
 * JavaScript at the prompt. In scope are the connection (`con`, `cur`, `sql`, `db`), the variables of `\set` and `\gset` as
 * `vars`, the last result as `_`, and Node's `require`. The connection's calls block; promises of libraries can be awaited.
 */
import nodeModule from 'node:module'
import { join } from 'node:path'
import { inspect } from 'node:util'
import vm, { Script } from 'node:vm'
import * as db from '../../index.ts'
import { resultTable } from '../statements/execute-sql.ts'
import type { Shell } from '../shell.ts'
import type { Cell, Table } from '../print/table.ts'

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
    const require = nodeModule.createRequire(join(process.cwd(), 'prompt'))
    Object.assign(scope, { db, sql: db.sql, vars: variablesOf(shell), require, _: undefined })
  }

  /** One cursor, used for as long as its connection lives. */
  #cursor(): db.Cursor {
    const { connection } = this.#shell
    if (this.#current?.connection !== connection || this.#current.cursor.closed) {
      this.#current = { connection, cursor: connection.cursor() }
    }
    return this.#current.cursor
  }

  /** Whether the typed text is incomplete. */
  get isOpen(): boolean {
    return this.#text !== ''
  }

  forget(): void {
    this.#text = ''
  }

  /** Takes a line, and runs the code when it is complete. A promise is awaited until it settles or Ctrl-C is pressed. */
  async take(line: string): Promise<void> {
    this.#text += this.#text === '' ? line : `\n${line}`
    let code: Code
    try {
      code = compile(this.#text)
    } catch (error) {
      if (error instanceof SyntaxError && UNFINISHED.test(error.message) && line !== '') return
      this.#text = ''
      this.#shell.writeError(`${String(error)}\n`)
      return
    }
    this.#text = ''
    try {
      const result: unknown = code.script.runInThisContext({ breakOnSigint: true })
      const value = code.isAwaited ? await this.#settled(result) : result
      ;(globalThis as Record<string, unknown>)['_'] = value
      this.#show(value)
    } catch (error) {
      this.#fail(error)
    }
  }

  /** @throws the reason of a rejection, or an error when Ctrl-C ended the wait; the work itself cannot be stopped. */
  async #settled(promise: unknown): Promise<unknown> {
    let interrupt = (): void => {}
    const interrupted = new Promise<never>((_resolve, reject) => {
      // The mark allows a blocking call in between to remove the listener while it waits.
      const listener = (): void => reject(new Error('the wait was interrupted'))
      interrupt = Object.assign(listener, { [Symbol.for('syncpg.removableListener')]: true })
    })
    process.on('SIGINT', interrupt)
    // Without a timer, an idle event loop would end the program before the promise is settled.
    const alive = setInterval(() => {}, 1 << 30)
    try {
      return await Promise.race([promise, interrupted])
    } finally {
      clearInterval(alive)
      process.off('SIGINT', interrupt)
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
      ? 'a Promise, which was not awaited: write await before it, or use the blocking calls'
      : inspect(value, { colors: process.stdout.isTTY === true })
    shell.output.write(`${text}\n`)
  }

  #fail(error: unknown): void {
    if (error instanceof db.DbError && error.severity !== undefined) return this.#shell.fail(error)
    const text = error instanceof Error ? `${error.name}: ${error.message}` : inspect(error)
    this.#shell.writeServerText(`Uncaught ${text}\n`)
  }
}

interface Code {
  readonly script: Script
  /** Whether the script returns a promise of its value. */
  readonly isAwaited: boolean
}

/** Makes `import()` find the packages that are installed where the program was started. */
const SCRIPT_OPTIONS = {
  filename: 'prompt',
  importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
} as const

const DECLARATION = /^\s*(?:const|let|var)\s+([\p{L}_$][\p{L}\p{N}_$]*|\{[^=]*\}|\[[^=]*\])\s*=(?!=)([^]*?);?\s*$/u

/** @throws SyntaxError about the text as it was typed. */
function compile(text: string): Code {
  try {
    return { script: compileScript(text), isAwaited: false }
  } catch (error) {
    if (!/\bawait\b/.test(text)) throw error
    for (const body of awaitedBodies(text)) {
      try {
        return { script: new Script(`(async () => { ${body}\n})()`, SCRIPT_OPTIONS), isAwaited: true }
      } catch {
        // Try the next form.
      }
    }
    throw error
  }
}

/** Ways to put a text with `await` into a function. Names that the text declares must still exist afterwards. */
function awaitedBodies(text: string): string[] {
  const [, pattern = '', value = ''] = DECLARATION.exec(text) ?? []
  const assigned = pattern === '' ? [] : [`void (${pattern} = (${value}\n))`]
  return [...assigned, `return (${text.replace(/;\s*$/, '')}\n)`, text]
}

/** Compiles a text. `{ a: 1 }` could be a block or an object literal; the literal is tried first. */
function compileScript(text: string): Script {
  if (/^\s*\{[^]*\}\s*$/.test(text)) {
    try {
      return new Script(`(${text})`, SCRIPT_OPTIONS)
    } catch {
      // The text is not an object literal, so it is compiled as it is.
    }
  }
  return new Script(text, SCRIPT_OPTIONS)
}

/** A table of a cursor's JavaScript values, printed as Node's inspector prints them. */
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

/** Makes `vars.name` read and write the variable that `:name` stands for in SQL. */
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
