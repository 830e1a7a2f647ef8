/**
 * The prompt: reads lines with Node's readline, hands them to the same reader and commands that scripts have, and keeps
 * the terminal in order while a statement blocks. The terminal is raw while a line is edited, so that readline sees every
 * key, and cooked while something runs, so that Ctrl-C is a signal, which the blocked thread answers with a cancel.
 */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { existsSync } from 'node:fs'
import { type Interface, createInterface } from 'node:readline'
import { version } from '../index.ts'
import type { CommandContext } from './command-call.ts'
import { runCommand } from './commands.ts'
import { Completer } from './completion.ts'
import type { CopySource } from './copy-source.ts'
import { executeSql } from './execute-sql.ts'
import { History } from './history.ts'
import { JavaScript } from './javascript.ts'
import { definePromptCommands } from './prompt-commands.ts'
import { pageThrough } from './pager.ts'
import { promptText } from './prompt-text.ts'
import { noteStatement } from './query-commands.ts'
import { runScript } from './run-script.ts'
import { ScriptInput } from './script-input.ts'
import { EXIT, type Shell } from './shell.ts'
import { TerminalData, readTerminalLine, sleepInterruptibly } from './terminal.ts'

export interface PromptOptions {
  readonly readsStartFile: boolean
  /** Nobody asked for the embedded server: it is said that it is one. */
  readonly isEmbedded: boolean
}

const LISTEN_EVERY_MS = 1000
/** More rows than anybody reads: said, and lifted with `\pset row_limit 0`. */
const ROW_LIMIT = 1000

/**
 * Keeps Node from ending the program at a Ctrl-C between two waits. The mark lets Ctrl-C cancel a statement although the
 * program has a SIGINT listener: a wait may remove a listener that is marked (`worker/caller/interrupt.ts`).
 */
const ignoreInterrupt = Object.assign((): void => {}, { [Symbol.for('syncpg.removableListener')]: true })

/** @returns the exit status. */
export function runPrompt(shell: Shell, options: PromptOptions): Promise<number> {
  shell.print.expanded = 'auto'
  shell.print.rowLimit = ROW_LIMIT
  shell.page = (print) => pageThrough(shell, print)
  shell.sleep = sleepInterruptibly
  process.on('SIGINT', ignoreInterrupt)
  greet(shell, options)
  return new Promise((resolve) => new Prompt(shell, resolve).start(options))
}

class Prompt {
  readonly #shell: Shell
  readonly #resolve: (status: number) => void
  readonly #history: History
  readonly #javascript: JavaScript
  readonly #lines: Interface
  #input: ScriptInput
  #isOver = false

  constructor(shell: Shell, resolve: (status: number) => void) {
    this.#shell = shell
    this.#resolve = resolve
    this.#history = new History(shell)
    this.#javascript = new JavaScript(shell)
    this.#input = this.#newInput()
    const completer = new Completer(shell, () => this.#input.reader.buffer)
    this.#lines = createInterface({
      input: process.stdin,
      output: process.stdout,
      terminal: true,
      historySize: this.#history.size,
      history: this.#history.load(),
      removeHistoryDuplicates: true,
      completer: (line: string) => completer.complete(line),
    })
    definePromptCommands({
      shell,
      javascript: this.#javascript,
      history: this.#history,
      edited: (text) => this.#take(text.endsWith('\n') ? text : `${text}\n`),
    })
  }

  start({ readsStartFile }: PromptOptions): void {
    const startFile = join(homedir(), '.syncpgrc')
    if (readsStartFile && existsSync(startFile))
      this.#outside(() => runScript(this.#shell, { path: startFile, name: startFile }))
    this.#lines.on('history', (history) => this.#history.redact(history))
    this.#lines.on('line', (line) => this.#line(line))
    this.#lines.on('SIGINT', () => this.#clearLine())
    this.#lines.on('close', () => this.#end(EXIT.success))
    setInterval(() => this.#listen(), LISTEN_EVERY_MS).unref()
    this.#prompt()
  }

  #line(line: string): void {
    if (this.#isOver) return
    this.#history.append(line)
    this.#outside(() => {
      const script =
        this.#javascript.isOpen || this.#input.reader.open === '' ? javascriptOf(line, this.#javascript.isOpen) : null
      if (script !== null) this.#javascript.take(script)
      else this.#take(`${line}\n`)
    })
    if (this.#shell.exitStatus !== null) this.#end(this.#shell.exitStatus)
    else this.#prompt()
  }

  #take(text: string): void {
    const shell = this.#shell
    const input = this.#input
    input.reader.feed(text)
    for (let item = input.next(); item !== null; item = input.next()) {
      shell.print.columns = process.stdout.columns ?? 80
      if (item.kind === 'statement') {
        noteStatement(shell, item.text)
        executeSql(shell, { sql: item.text, copySource: this.#copySource })
      } else if (item.kind === 'command' && runCommand(item, this.#context()) === 'quit') {
        shell.exitStatus = EXIT.success
      }
      shell.standard.flush()
      if (shell.exitStatus !== null) return
      if (shell.connection.closed) return this.#reconnect()
    }
  }

  #context(): CommandContext {
    return {
      shell: this.#shell,
      reader: this.#input.reader,
      copySource: this.#copySource,
      readLine: readTerminalLine,
      include: (path, name) => runScript(this.#shell, { path, name }),
      folder: null,
    }
  }

  /** Data is typed. A COPY that is refused asks for none. */
  readonly #copySource: CopySource = {
    read: () => {
      this.#shell.tell(
        'Enter data to be copied followed by a newline.\nEnd with a backslash and a period on a line by itself, or an EOF signal.\n',
      )
      return new TerminalData('>> ')
    },
    skip() {},
  }

  #reconnect(): void {
    const shell = this.#shell
    shell.tell('The connection to the server was lost. Attempting reset: ')
    try {
      shell.reconnect(shell.dsn, shell.options)
      shell.tell('Succeeded.\n')
    } catch (failure) {
      shell.tell('Failed.\n')
      shell.fail(failure)
    }
    this.#input = this.#newInput()
  }

  /** Ctrl-C at the prompt: the line and what is open before it are forgotten. */
  #clearLine(): void {
    // Readline has no word for it: `write` with these keys is how its own documentation clears a line.
    this.#lines.write(null, { ctrl: true, name: 'e' })
    this.#lines.write(null, { ctrl: true, name: 'u' })
    process.stdout.write('^C\n')
    this.#input = this.#newInput()
    this.#javascript.forget()
    this.#prompt()
  }

  #listen(): void {
    const { isListening, connection } = this.#shell
    if (!isListening || connection.closed || connection.info.status !== 'idle') return
    const arrived = connection.poll()
    if (arrived.length === 0) return
    process.stdout.write('\r\u001b[K')
    this.#shell.showNotices(arrived)
    this.#shell.standard.flush()
    this.#lines.prompt(true)
  }

  #prompt(): void {
    const open = this.#javascript.isOpen ? 'js' : this.#input.reader.open
    this.#lines.setPrompt(promptText(this.#shell, open))
    this.#lines.prompt()
  }

  /** Runs what may block, with the terminal as other programs expect it. */
  #outside(body: () => void): void {
    process.stdin.setRawMode(false)
    try {
      body()
    } catch (failure) {
      this.#shell.fail(failure)
    } finally {
      this.#shell.standard.flush()
      if (!this.#isOver) process.stdin.setRawMode(true)
    }
  }

  #end(status: number): void {
    if (this.#isOver) return
    this.#isOver = true
    if (status === EXIT.success && this.#shell.exitStatus === null) process.stdout.write('\\q\n')
    this.#lines.close()
    this.#resolve(status)
  }

  #newInput(): ScriptInput {
    return new ScriptInput({ shell: this.#shell, source: null })
  }
}

/** JavaScript is what begins with `> `; once begun, every line until it is whole. */
function javascriptOf(line: string, isOpen: boolean): string | null {
  if (isOpen) return line
  return line.startsWith('> ') ? line.slice(2) : null
}

function greet(shell: Shell, { isEmbedded }: PromptOptions): void {
  if (shell.dsn?.startsWith('pglite:') === true) shell.tell('\r\u001b[K')
  const { serverVersion } = shell.connection.info
  shell.say(`syncpg ${version}, PostgreSQL ${serverVersion}${isEmbedded ? ', embedded' : ''}`)
  if (isEmbedded) {
    shell.say(
      'No server was named: this one lives in memory and ends with the session. "syncpg pglite:./data" keeps its data.',
    )
  }
  shell.say('Type \\? for help, > before JavaScript.\n')
  shell.standard.flush()
}
