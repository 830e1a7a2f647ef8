/**
 * The prompt: keys go to the line editor, whole texts to the same reader and commands that scripts have. The terminal is raw
 * while a text is edited, so that every key is seen, and cooked while something runs, so that Ctrl-C is a signal, which the
 * blocked thread answers with a cancel, and Ctrl-Z stops the program.
 */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { existsSync } from 'node:fs'
import { emitKeypressEvents } from 'node:readline'
import { version } from '../../index.ts'
import type { CommandContext } from '../commands/command-call.ts'
import { runCommand } from '../commands/commands.ts'
import { tlsText } from '../commands/connect-command.ts'
import { Completer } from './completion.ts'
import { executeSql } from '../statements/execute-sql.ts'
import { History, hasSecret } from './history.ts'
import { JavaScript } from './javascript.ts'
import { type Key, LineEditor } from './line-editor.ts'
import { writeAll } from '../io/output.ts'
import { definePromptCommands } from '../commands/prompt-commands.ts'
import { pageThrough } from '../io/pager.ts'
import { promptText } from './prompt-text.ts'
import { noteStatement } from '../commands/query-commands.ts'
import { runScript } from '../scripts/run-script.ts'
import { ScriptInput } from '../scripts/script-input.ts'
import { EXIT, type Shell } from '../shell.ts'
import { TerminalSource, readTerminalLine, sleepInterruptibly } from '../io/terminal.ts'

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
  shell.readAnswer = readTerminalLine
  process.on('SIGINT', ignoreInterrupt)
  greet(shell, options)
  return new Promise((resolve) => new Prompt(shell, resolve).start(options))
}

/** Terminals bracket what is pasted when they are asked to, so that no line of it runs before Enter. */
const PASTE_ON = '\u001b[?2004h'
const PASTE_OFF = '\u001b[?2004l'
/** A key that was pressed, and the text it gives. */
type Press = readonly [text: string | undefined, key: Key]
/** Long enough for the signal that stops the program to arrive. */
const STOPPED_AFTER_MS = 50

class Prompt {
  readonly #shell: Shell
  readonly #resolve: (status: number) => void
  readonly #history: History
  readonly #javascript: JavaScript
  readonly #editor: LineEditor
  /** Keys that have come and not been looked at: the rest of what was pasted or typed ahead. */
  #keys: Press[] = []
  /** The first of them that has not been looked at: taking keys off the front would cost as much as all of them. */
  #nextKey = 0
  readonly #source = new TerminalSource(() => this.#takeTyped())
  #input: ScriptInput
  /** What has been typed of the statement that is open. */
  #typed: string[] = []
  /** Whether a text is being edited; otherwise something runs. */
  #isEditing = false
  /** Whether Ctrl-Z was pressed, and nobody has said `fg` yet. */
  #isSuspended = false
  #isScheduled = false
  #isOver = false

  constructor(shell: Shell, resolve: (status: number) => void) {
    this.#shell = shell
    this.#resolve = resolve
    this.#history = new History(shell)
    this.#javascript = new JavaScript(shell)
    this.#input = this.#newInput()
    const completer = new Completer(shell, () => this.#input.reader.buffer)
    this.#editor = new LineEditor({
      history: this.#history.load(),
      complete: (before) => completer.complete(before),
      write: (text) => writeAll(1, Buffer.from(text)),
      columns: () => screenSize()[0],
      rows: () => screenSize()[1],
      hasMore: () => this.#nextKey < this.#keys.length,
      onText: (text) => void this.#accept(text),
      onInterrupt: () => this.#interrupt(),
      onEnd: () => this.#end(EXIT.success),
      onSuspend: () => this.#suspend(),
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
    if (readsStartFile && existsSync(startFile)) {
      this.#guard(() => void runScript(this.#shell, { path: startFile, name: startFile }))
      this.#shell.script = null
    }
    emitKeypressEvents(process.stdin)
    process.stdin.on('keypress', (text: string | undefined, key: Key) => this.#press(text, key))
    process.stdin.on('end', () => this.#end(EXIT.success))
    process.stdout.on('resize', () => {
      if (this.#isEditing) this.#editor.resized()
    })
    process.on('SIGCONT', () => this.#resume())
    process.stdin.resume()
    setInterval(() => this.#listen(), LISTEN_EVERY_MS).unref()
    this.#prompt()
  }

  /** Keys wait until all that have come at once are known: data of a COPY may be among them. */
  #press(text: string | undefined, key: Key): void {
    this.#keys.push([text, key])
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.#work()
    })
  }

  #work(): void {
    while (this.#isEditing && !this.#isOver) {
      const [text, key] = this.#keys[this.#nextKey] ?? []
      if (key === undefined) {
        this.#keys = []
        this.#nextKey = 0
        return this.#editor.settle()
      }
      this.#nextKey += 1
      this.#editor.key(text, key)
    }
  }

  #waitingKeys(): Press[] {
    return this.#keys.slice(this.#nextKey)
  }

  /** What has been typed ahead, as text. */
  #takeTyped(): string {
    const typed = this.#waitingKeys()
      .map(([text]) => text ?? '')
      .join('')
    this.#keys = []
    this.#nextKey = 0
    return typed.replace(/\r\n?/g, '\n')
  }

  async #accept(text: string): Promise<void> {
    this.#leaveEditor()
    this.#typed.push(text)
    const isIdle = this.#input.reader.open === '' && !this.#javascript.isOpen
    const script = isIdle || this.#javascript.isOpen ? javascriptOf(text, this.#javascript.isOpen) : null
    if (script !== null) await this.#javascript.take(script)
    else if (!this.#obeyWord(text, isIdle)) this.#guard(() => this.#take(`${text}\n`))
    this.#shell.standard.flush()
    if (this.#input.reader.open === '' && !this.#javascript.isOpen) this.#remember()
    const rest = this.#source.takeRest()
    if (rest !== '') {
      const typed = [...rest].map((character): Press => [character, keyOf(character)])
      this.#keys = [...typed, ...this.#waitingKeys()]
      this.#nextKey = 0
    }
    if (this.#shell.exitStatus !== null) return this.#end(this.#shell.exitStatus)
    this.#prompt()
  }

  /** The statement that is whole, as it was typed. */
  #remember(): void {
    const statement = this.#typed.join('\n').trim()
    this.#typed = []
    if (statement === '' || hasSecret(statement)) return
    this.#editor.remember(statement)
    this.#history.append(statement)
  }

  /** `exit`, `quit` and `help`, as people type them who come from elsewhere. @returns whether the line is done with. */
  #obeyWord(text: string, isIdle: boolean): boolean {
    const word = /^(exit|quit|help)\s*;?\s*$/i.exec(text)?.[1]?.toLowerCase()
    if (word === undefined) return false
    const { open } = this.#input.reader
    if (isIdle && word === 'help') this.#shell.standard.write(FIRST_HELP)
    else if (isIdle) this.#shell.exitStatus = EXIT.success
    else if (word === 'help') {
      this.#shell.standard.write('Use \\? for help or press control-C to clear the input buffer.\n')
    } else this.#shell.standard.write(open === '-' || open === '(' ? 'Use \\q to quit.\n' : 'Use control-D to quit.\n')
    this.#shell.standard.flush()
    return isIdle
  }

  #take(text: string): void {
    const shell = this.#shell
    const input = this.#input
    input.reader.feed(text)
    for (let item = input.next(); item !== null; item = input.next()) {
      shell.print.columns = screenSize()[0]
      if (item.kind === 'statement') {
        noteStatement(shell, item.text)
        executeSql(shell, { sql: item.text, copySource: input.copySource })
      } else if (item.kind === 'command' && runCommand(item, this.#context()) === 'quit') {
        shell.exitStatus = EXIT.success
      }
      shell.standard.flush()
      if (shell.exitStatus !== null) return
      if (shell.connection.closed) return this.#reconnect()
      input.reader.feed(this.#source.takeRest())
    }
  }

  #context(): CommandContext {
    return {
      shell: this.#shell,
      reader: this.#input.reader,
      copySource: this.#input.copySource,
      readLine: () => this.#input.readLine(),
      include: (path, name) => runScript(this.#shell, { path, name }),
      folder: null,
    }
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
    this.#forget()
  }

  /** Ctrl-C at the prompt: the text and what is open before it are forgotten. */
  #interrupt(): void {
    this.#forget()
    this.#javascript.forget()
    this.#prompt()
  }

  #forget(): void {
    this.#input = this.#newInput()
    this.#typed = []
  }

  /** Ctrl-Z: the shell has the terminal, and `fg` gives it back. The whole job stops: npx waits for this program. */
  #suspend(): void {
    this.#leaveEditor()
    this.#isSuspended = true
    process.kill(0, 'SIGTSTP')
    // A program without a shell does not stop.
    setTimeout(() => {
      if (this.#isSuspended) this.#resume()
    }, STOPPED_AFTER_MS)
  }

  /** The shell may have left the terminal as it likes it. */
  #resume(): void {
    const isStopped = this.#isSuspended
    if (this.#isOver || !(isStopped || this.#isEditing)) return
    this.#isSuspended = false
    this.#leaveEditor()
    this.#enterEditor()
    if (isStopped) this.#editor.show()
    else this.#editor.resized()
    this.#work()
  }

  #listen(): void {
    const { isListening, connection } = this.#shell
    if (!this.#isEditing || !isListening || connection.closed || connection.info.status !== 'idle') return
    const arrived = connection.poll()
    if (arrived.length === 0) return
    this.#editor.hide()
    this.#shell.showNotices(arrived)
    this.#shell.standard.flush()
    this.#editor.show()
  }

  #prompt(): void {
    const { reader, isActive } = this.#input
    this.#enterEditor()
    this.#editor.start(promptText(this.#shell, this.#javascript.isOpen ? 'js' : reader.open, isActive))
    if (this.#nextKey < this.#keys.length) setImmediate(() => this.#work())
  }

  #enterEditor(): void {
    this.#isEditing = true
    process.stdin.setRawMode(true)
    if (process.env['TERM'] !== 'dumb') writeAll(1, Buffer.from(PASTE_ON))
  }

  #leaveEditor(): void {
    this.#isEditing = false
    if (process.env['TERM'] !== 'dumb') writeAll(1, Buffer.from(PASTE_OFF))
    process.stdin.setRawMode(false)
  }

  /** Tells what the file system and the user's own functions throw. */
  #guard(body: () => void): void {
    try {
      body()
    } catch (failure) {
      this.#shell.fail(failure)
    }
  }

  #end(status: number): void {
    if (this.#isOver) return
    this.#isOver = true
    if (this.#isEditing) this.#leaveEditor()
    if (status === EXIT.success && this.#shell.exitStatus === null) process.stdout.write('\\q\n')
    process.stdin.pause()
    this.#resolve(status)
  }

  #newInput(): ScriptInput {
    const input = new ScriptInput({ shell: this.#shell, source: this.#source, refusedSource: this.#source.quiet })
    this.#shell.standardInput = input
    return input
  }
}

const FIRST_HELP = `SQL ends with ;  JavaScript begins with "> ".
Type:  \\h for help with SQL commands
       \\? for help with the commands of this program
       \\g or terminate with semicolon to execute a statement
       \\q to quit
`

function screenSize(): readonly [columns: number, rows: number] {
  const [columns = 80, rows = 24] = process.stdout.isTTY === true ? process.stdout.getWindowSize() : []
  return [columns > 0 ? columns : 80, rows > 0 ? rows : 24]
}

/** A key that gives a character. */
function keyOf(character: string): Key {
  return character === '\n' ? { name: 'enter', sequence: character } : { sequence: character }
}

/** JavaScript is what begins with `> `; once begun, every line until it is whole. */
function javascriptOf(text: string, isOpen: boolean): string | null {
  if (isOpen) return text
  return text.startsWith('> ') ? text.slice(2) : null
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
  if (tlsText(shell.connection) !== '') shell.say(tlsText(shell.connection).trimEnd())
  shell.say('Type \\? for help, > before JavaScript.\n')
  shell.standard.flush()
}
