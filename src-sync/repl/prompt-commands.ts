/** Commands that need a terminal: `\e`, `\s`, `\js`, `\prompt`, `\password`. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { quoteIdentifier, quoteLiteral } from '../index.ts'
import type { Call } from './command-call.ts'
import { defineCommand } from './commands.ts'
import { ShellError } from './complaint.ts'
import type { History } from './history.ts'
import type { JavaScript } from './javascript.ts'
import { lastStatement } from './query-commands.ts'
import type { Shell } from './shell.ts'
import { askPassword, readTerminalLine } from './terminal.ts'

export interface PromptParts {
  readonly shell: Shell
  readonly javascript: JavaScript
  readonly history: History
  /** Takes what has been edited as if it had been typed. */
  readonly edited: (text: string) => void
}

export function definePromptCommands({ shell, javascript, history, edited }: PromptParts): void {
  defineCommand('js', ({ rest }) => javascript.take(rest.trim()))
  defineCommand('e edit', (call) => edit(call, edited))
  defineCommand('s', () => {
    shell.show({
      columns: [{ name: 'History', typeOid: 0 }],
      rows: history
        .load()
        .reverse()
        .map((line) => [line]),
      rowCount: history.load().length,
      footers: [],
    })
  })
  defineCommand('prompt', ({ words }) => {
    const name = words.at(-1)
    if (name === undefined) throw new ShellError('\\prompt: missing required argument')
    shell.tell(words.length > 1 ? (words[0] ?? '') : '')
    shell.variables.set(name, readTerminalLine() ?? '')
  })
  defineCommand('password', ({ words: [user] }) => {
    const name = user ?? shell.connection.info.user
    const first = askPassword(`Enter new password for user "${name}": `)
    if (first === null) return false
    if (askPassword('Enter it again: ') !== first) throw new ShellError("Passwords didn't match.")
    // The server stores what password_encryption says; the text goes over the connection, and into no history.
    shell.connection.execute(`alter user ${quoteIdentifier(name)} password ${quoteLiteral(first)}`, null, {
      text: true,
    })
    return true
  })
}

function edit({ shell, reader, words: [path] }: Call, edited: (text: string) => void): boolean {
  const editor = process.env['PSQL_EDITOR'] ?? process.env['VISUAL'] ?? process.env['EDITOR'] ?? 'vi'
  const folder = mkdtempSync(join(tmpdir(), 'syncpg-'))
  const file = path ?? join(folder, 'statement.sql')
  try {
    if (path === undefined)
      writeFileSync(file, `${reader.buffer === '' ? lastStatement(shell) : reader.buffer}\n`, { mode: 0o600 })
    const { status } = spawnSync(`${editor} '${file.replaceAll("'", "'\\''")}'`, { shell: true, stdio: 'inherit' })
    if (status !== 0) throw new ShellError(`could not start editor "${editor}"`)
    reader.setBuffer('')
    const text = readFileSync(file, 'utf8')
    shell.output.write(text)
    shell.output.flush()
    edited(text)
    return true
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
