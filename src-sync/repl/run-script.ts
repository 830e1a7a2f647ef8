/** Runs a script: statement by statement, with what it says to the program in between. */
import type { CommandContext } from './command-call.ts'
import { runCommand } from './commands.ts'
import { ShellError } from './complaint.ts'
import { Conditions } from './conditions.ts'
import { executeSql } from './execute-sql.ts'
import { LineSource } from './input.ts'
import { type ScriptPlace, ScriptProgress } from './progress.ts'
import { noteStatement } from './query-commands.ts'
import { encodingSetBy } from './script-encoding.ts'
import { ScriptReader } from './script-reader.ts'
import { EXIT, type Shell } from './shell.ts'

export interface ScriptInit {
  /** A path, or `-` for the standard input. */
  readonly path: string
  /** How errors name it. */
  readonly name: string
}

/** @returns how it ended. @throws the file system's error when it cannot be opened. */
export function runScript(shell: Shell, { path, name }: ScriptInit): number {
  const source = new LineSource(path)
  const before = shell.script
  try {
    return new ScriptRun(shell, source, name).run()
  } finally {
    shell.script = before
    source.close()
  }
}

class ScriptRun {
  readonly #shell: Shell
  readonly #source: LineSource
  readonly #name: string
  readonly #reader: ScriptReader
  readonly #conditions = new Conditions()
  readonly #progress = new ScriptProgress()
  #hasEnded = false
  #encoding = 'UTF-8'

  constructor(shell: Shell, source: LineSource, name: string) {
    this.#shell = shell
    this.#source = source
    this.#name = name
    const { variable, standardConformingStrings } = shell
    this.#reader = new ScriptReader({ variable, standardConformingStrings })
  }

  run(): number {
    try {
      return this.#run()
    } finally {
      this.#progress.hide()
    }
  }

  #run(): number {
    const shell = this.#shell
    for (;;) {
      const item = this.#reader.next()
      if (item === null) {
        if (!this.#feed()) break
        continue
      }
      shell.script = this.#place(item.line)
      let isDone = true
      if (item.kind === 'command') {
        // It may give the terminal to another program.
        this.#progress.hide()
        if (this.#conditions.take(item, shell)) continue
        isDone = runCommand(item, this.#context())
      } else if (this.#conditions.isActive) {
        isDone = this.#execute(item.text)
      }
      if (shell.exitStatus !== null) return shell.exitStatus
      if (shell.connection.closed) return EXIT.lost
      // What follows was meant for another database.
      if (!isDone && item.kind === 'command' && /^c(?:onnect)?$/.test(item.name)) return EXIT.lost
      if (!isDone && (shell.variables.isOn('ON_ERROR_STOP') || shell.lastFailure?.interrupted === true))
        return EXIT.script
    }
    if (this.#conditions.isOpen) shell.fail(new ShellError('reached EOF without finding closing \\endif(s)'))
    return EXIT.success
  }

  #place(line: number): ScriptPlace {
    const source = this.#source
    const reader = this.#reader
    return {
      name: this.#name,
      line,
      get share() {
        return source.share(reader.waiting)
      },
    }
  }

  #feed(): boolean {
    if (this.#hasEnded) return false
    let text: string | null
    this.#shell.output.flush()
    try {
      text = this.#source.read()
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      throw new ShellError(
        `${this.#name}: not ${this.#encoding} after line ${this.#reader.line}; convert it, with iconv for example`,
      )
    }
    if (text !== null) {
      // Echoed lines must come before what they give: then one by one.
      if (this.#shell.variables.get('ECHO') === 'all') {
        const lineEnd = text.indexOf('\n') + 1 || text.length
        this.#source.unread(text.slice(lineEnd))
        text = text.slice(0, lineEnd)
        this.#shell.output.write(text.endsWith('\n') ? text : `${text}\n`)
      }
      this.#reader.feed(text)
    } else {
      this.#hasEnded = true
      this.#reader.end()
    }
    return true
  }

  #execute(sql: string): boolean {
    const shell = this.#shell
    const copyData = (): Iterable<string> => this.#copyData()
    shell.lastFailure = null
    noteStatement(shell, sql)
    if (shell.script !== null) this.#progress.next(shell.script)
    const isDone = executeSql(shell, { sql, copyData })
    const encoding = isDone ? encodingSetBy(sql) : null
    if (encoding !== null) this.#readIn(encoding)
    return isDone
  }

  /** The bytes after a SET client_encoding are in that encoding, as the lines of a dump are. */
  #readIn(encoding: string): void {
    if (!this.#source.setEncoding(encoding)) {
      throw new ShellError(`${this.#name}: the encoding ${encoding} is not known here; convert it to UTF-8`)
    }
    this.#encoding = /^(?:default|unicode|utf-?8)$/i.test(encoding) ? 'UTF-8' : encoding
  }

  #context(): CommandContext {
    return {
      shell: this.#shell,
      reader: this.#reader,
      copyData: () => this.#copyData(),
      include: (path, name) => runScript(this.#shell, { path, name }),
      folder: this.#name.startsWith('<') ? null : this.#name,
    }
  }

  /** The data of a COPY that stands in the script, up to `\.` on a line of its own. */
  *#copyData(): Generator<string, void, undefined> {
    let text = this.#reader.takeFollowing()
    for (;;) {
      if (text !== '') {
        const end = /(?:^|\n)\\\.\r?(?:\n|$)/.exec(text)
        const data = end === null ? text : text.slice(0, end.index + (text[end.index] === '\n' ? 1 : 0))
        this.#reader.skipLines(data.split('\n').length - 1)
        if (end !== null) {
          this.#reader.skipLines(1)
          this.#source.unread(text.slice(end.index + end[0].length))
          if (data !== '') yield data
          return
        }
        yield data
      }
      const more = this.#source.read()
      if (more === null) return
      text = more
    }
  }
}
