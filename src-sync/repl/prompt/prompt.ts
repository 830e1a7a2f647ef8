/**
 * The prompt. Keys go to the line editor, complete texts to the reader and the commands that scripts use too. While a text is
 * edited, the terminal is in raw mode, so that every key is seen. While something runs, it is in cooked mode: Ctrl-C is then a
 * signal, which the blocked thread answers with a cancel request, and Ctrl-Z stops the program.
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
  /** The embedded server is used because no server was named; a message says so. */
  readonly isEmbedded: boolean
}

const LISTEN_EVERY_MS = 1000
/**
 * The number of rows that the prompt shows of a result, because nobody reads more on a screen. A message says when rows
 * are left out, and `\pset row_limit 0` shows all.
 */
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

/** Asks the terminal to mark pasted text, so that none of its lines runs before Enter. */
const PASTE_ON = '\u001b[?2004h'
const PASTE_OFF = '\u001b[?2004l'
/** A pressed key, and its text. */
type Press = readonly [text: string | undefined, key: Key]
/** Long enough for the stop signal to arrive. */
const STOPPED_AFTER_MS = 50

class Prompt {
  readonly #shell: Shell
  readonly #resolve: (status: number) => void
  readonly #history: History
  readonly #javascript: JavaScript
  readonly #editor: LineEditor
  /** Keys that were not processed yet: the rest of a paste, or text typed ahead. */
  #keys: Press[] = []
  /** The index of the first unprocessed key; removing keys from the front of a long array would be slow. */
  #nextKey = 0
  readonly #source = new TerminalSource(() => this.#takeTyped())
  #input: ScriptInput
  /** The typed lines of the open statement. */
  #typed: string[] = []
  /** Whether a text is being edited; otherwise something runs. */
  #isEditing = false
  /** Whether Ctrl-Z was pressed, and the program has not been continued yet. */
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

  /** Collects keys until all that arrived together are known, because data for a COPY may be among them. */
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

  /** Returns the keys that were typed ahead, as text. */
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
    else if (!this.#runWord(text, isIdle)) this.#guard(() => this.#take(`${text}\n`))
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

  /** Adds the complete statement, as it was typed, to the history. */
  #remember(): void {
    const statement = this.#typed.join('\n').trim()
    this.#typed = []
    if (statement === '' || hasSecret(statement)) return
    this.#editor.remember(statement)
    this.#history.append(statement)
  }

  /** Handles `exit`, `quit` and `help`, which users of other programs type. @returns whether the line is done. */
  #runWord(text: string, isIdle: boolean): boolean {
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
    shell.writeError('The connection to the server was lost. Attempting reset: ')
    try {
      shell.reconnect(shell.dsn, shell.options)
      shell.writeError('Succeeded.\n')
    } catch (failure) {
      shell.writeError('Failed.\n')
      shell.fail(failure)
    }
    this.#forget()
  }

  /** Ctrl-C at the prompt: drops the text and the open statement. */
  #interrupt(): void {
    this.#forget()
    this.#javascript.forget()
    this.#prompt()
  }

  #forget(): void {
    this.#input = this.#newInput()
    this.#typed = []
  }

  /** Ctrl-Z: gives the terminal to the shell until `fg`. The whole job must stop, because npx waits for this program. */
  #suspend(): void {
    this.#leaveEditor()
    this.#isSuspended = true
    process.kill(0, 'SIGTSTP')
    // Without a job-control shell the program is not stopped, so it resumes by itself.
    setTimeout(() => {
      if (this.#isSuspended) this.#resume()
    }, STOPPED_AFTER_MS)
  }

  /** Sets up the terminal again, because the shell may have changed its mode. */
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

  /** Reports errors of the file system and of the user's own functions. */
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

/** The key that produces a character. */
function keyOf(character: string): Key {
  return character === '\n' ? { name: 'enter', sequence: character } : { sequence: character }
}

/** The JavaScript in a line: a line that begins with `> `, and all lines after it until the code is complete. */
function javascriptOf(text: string, isOpen: boolean): string | null {
  if (isOpen) return text
  return text.startsWith('> ') ? text.slice(2) : null
}

function greet(shell: Shell, { isEmbedded }: PromptOptions): void {
  if (shell.dsn?.startsWith('pglite:') === true) shell.writeError('\r\u001b[K')
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
