/** Runs a script statement by statement, together with its backslash commands. */
import type { CommandContext } from '../commands/command-call.ts'
import { runCommand } from '../commands/commands.ts'
import { ShellError } from '../print/complaint.ts'
import { executeSql } from '../statements/execute-sql.ts'
import { LineSource } from '../io/input.ts'
import { type ScriptPlace, ScriptProgress } from '../io/progress.ts'
import { noteStatement } from '../commands/query-commands.ts'
import { encodingSetBy } from '../io/script-encoding.ts'
import { type InputItem, ScriptInput } from './script-input.ts'
import type { ScriptItem } from './script-reader.ts'
import { EXIT, type Shell } from '../shell.ts'

export interface ScriptInit {
  /** A path, or `-` for the standard input. */
  readonly path: string
  /** The script's name in errors. */
  readonly name: string
}

/** @returns the exit status. @throws the file system's error when the script cannot be opened. */
export function runScript(shell: Shell, { path, name }: ScriptInit): number {
  const source = LineSource.open(path)
  const { script, standardInput } = shell
  try {
    const run = new ScriptRun(shell, source, name)
    // Commands of this script, and scripts that it includes, continue to read the standard input where it is now.
    if (path === '-') shell.standardInput = run.input
    return run.run()
  } finally {
    shell.script = script
    shell.standardInput = standardInput
    source.close()
  }
}

class ScriptRun {
  readonly #shell: Shell
  readonly #source: LineSource
  readonly #name: string
  readonly input: ScriptInput
  readonly #progress = new ScriptProgress()
  #hasEnded = false
  #encoding = 'UTF-8'

  constructor(shell: Shell, source: LineSource, name: string) {
    this.#shell = shell
    this.#source = source
    this.#name = name
    this.input = new ScriptInput({
      shell,
      source,
      onItem: (item) => {
        shell.script = this.#place(item)
      },
    })
  }

  run(): number {
    const shell = this.#shell
    const before = shell.onEncoding
    // The encoding can also change by `\encoding` or a new connection, not only by a statement.
    shell.onEncoding = (encoding) => this.#readIn(encoding)
    try {
      return this.#run()
    } finally {
      shell.onEncoding = before
      this.#progress.hide()
    }
  }

  #run(): number {
    const shell = this.#shell
    for (;;) {
      const item = this.input.next()
      if (item === null) {
        if (!this.#feed()) break
        continue
      }
      const outcome = this.#runItem(item)
      if (shell.exitStatus !== null) return shell.exitStatus
      if (shell.connection.closed) return EXIT.lost
      if (outcome === 'quit') return EXIT.success
      this.#readByLinesWhereEchoed()
      if (outcome === 'done') continue
      // After a failed \connect the rest of the script was meant for another database.
      if (item.kind === 'command' && /^c(?:onnect)?$/.test(item.name)) return EXIT.lost
      if (this.#endsOnError()) return EXIT.script
    }
    return this.input.failWhereOpen() && shell.variables.isOn('ON_ERROR_STOP') ? EXIT.script : EXIT.success
  }

  #runItem(item: InputItem): 'done' | 'failed' | 'quit' {
    if (item.kind === 'failed') return 'failed'
    if (item.kind === 'statement') return this.#execute(item.text) ? 'done' : 'failed'
    // The command may give the terminal to another program.
    this.#progress.hide()
    return runCommand(item, this.#context())
  }

  #endsOnError(): boolean {
    const { variables, lastFailure } = this.#shell
    return variables.isOn('ON_ERROR_STOP') || lastFailure?.interrupted === true
  }

  #place(item: ScriptItem): ScriptPlace {
    const { line } = item
    const source = this.#source
    const { reader } = this.input
    return {
      name: this.#name,
      line,
      lineOf: item.kind === 'statement' ? item.lineOf : () => line,
      get share() {
        return source.share(reader.waiting)
      },
    }
  }

  #feed(): boolean {
    if (this.#hasEnded) return false
    const { reader } = this.input
    let text: string | null
    this.#shell.output.flush()
    this.#shell.standard.flush()
    try {
      text = this.#source.read()
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      throw new ShellError(
        `${this.#name}: not ${this.#encoding} after line ${reader.line}; convert it, with iconv for example`,
      )
    }
    if (text !== null) {
      // Each echoed line must come before its results, so lines are read one by one.
      if (this.#shell.variables.choice('ECHO') === 'all') {
        const lineEnd = text.indexOf('\n') + 1 || text.length
        this.#source.unread(text.slice(lineEnd))
        text = text.slice(0, lineEnd)
        this.#echo(text)
      }
      reader.feed(text)
    } else {
      this.#hasEnded = true
      reader.end()
    }
    return true
  }

  /** Puts back text that was read ahead before `\set ECHO all`, so that it is echoed too. */
  #readByLinesWhereEchoed(): void {
    if (this.#shell.variables.choice('ECHO') === 'all') this.#source.unread(this.input.reader.takeFollowing())
  }

  /** Prints a line. Like psql, it prints empty lines only inside quotes. */
  #echo(line: string): void {
    const isInQuote = ["'", '"', '$', '*'].includes(this.input.reader.open)
    if (line.trim() === '' && !isInQuote) return
    const { standard } = this.#shell
    this.#shell.writeInfo(line.endsWith('\n') ? line : `${line}\n`, standard)
    standard.flush()
  }

  #execute(sql: string): boolean {
    const shell = this.#shell
    shell.lastFailure = null
    noteStatement(shell, sql)
    if (shell.script !== null) this.#progress.next(shell.script)
    const isDone = executeSql(shell, { sql, copySource: this.input.copySource })
    const encoding = isDone ? encodingSetBy(sql) : null
    if (encoding !== null) this.#readIn(encoding)
    return isDone
  }

  /** Sets the encoding of the bytes after a SET client_encoding; a dump is written in that way. */
  #readIn(encoding: string): void {
    if (!this.#source.setEncoding(encoding)) {
      throw new ShellError(`${this.#name}: the encoding ${encoding} is not supported; convert the script to UTF-8`)
    }
    // No line was read ahead in the old encoding, because the source stops at lines that may set one.
    this.#encoding = /^(?:default|unicode|utf-?8|sql_ascii)$/i.test(encoding) ? 'UTF-8' : encoding
  }

  #context(): CommandContext {
    return {
      shell: this.#shell,
      reader: this.input.reader,
      copySource: this.input.copySource,
      readLine: () => this.#shell.standardInput.readLine(),
      include: (path, name) => runScript(this.#shell, { path, name }),
      folder: this.#name.startsWith('<') ? null : this.#name,
    }
  }
}
