/** Commands that need a terminal: `\e`, `\ef`, `\ev`, `\s`, `\js`, `\password`. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { quoteIdentifier, quoteLiteral } from '../../index.ts'
import type { Call } from './command-call.ts'
import { atHome } from './command-text.ts'
import { defineCommand } from './commands.ts'
import { ShellError } from '../print/complaint.ts'
import type { History } from '../prompt/history.ts'
import type { JavaScript } from '../prompt/javascript.ts'
import { lastStatement } from './query-commands.ts'
import { passwordVerifier } from './password-verifier.ts'
import type { Shell } from '../shell.ts'
import { type SourceKind, sourceToEdit } from './source-commands.ts'
import { askPassword } from '../io/terminal.ts'

export interface PromptParts {
  readonly shell: Shell
  readonly javascript: JavaScript
  readonly history: History
  /** Takes edited text as if it had been typed. */
  readonly edited: (text: string) => void
}

export function definePromptCommands({ shell, javascript, history, edited }: PromptParts): void {
  defineCommand('js', ({ rest }) => void javascript.take(rest.trim()))
  defineCommand('e edit', (call) => edit(call, edited))
  defineCommand('ef', (call) => editSource(call, 'function', edited))
  defineCommand('ev', (call) => editSource(call, 'view', edited))
  defineCommand('s', ({ words: [path] }) => {
    const text = history
      .load()
      .map((statement) => `${statement}\n`)
      .join('')
    if (path === undefined) return shell.pageText(text)
    writeFileSync(atHome(path), text, { mode: 0o600 })
    shell.say(`Wrote history to file "${path}".`)
  })
  defineCommand('password', ({ words: [user] }) => {
    const name = user ?? shell.connection.info.user
    const first = askPassword(`Enter new password for user "${name}": `)
    if (first === null) return false
    if (askPassword('Enter it again: ') !== first) throw new ShellError("Passwords didn't match.")
    const encryption = shell.connection.fetchval<string>('show password_encryption', null, 0, { prepare: false })
    const verifier = passwordVerifier(name, first, encryption ?? '')
    shell.connection.execute(`alter user ${quoteIdentifier(name)} password ${quoteLiteral(verifier)}`, null, {
      text: true,
      prepare: false,
    })
    return true
  })
}

function edit(call: Call, edited: PromptParts['edited']): boolean {
  const {
    shell,
    reader,
    words: [path],
  } = call
  if (path === undefined) {
    const text = reader.buffer === '' ? lastStatement(shell) : reader.buffer
    return editText(call, `${text}\n`, edited)
  }
  runEditor(atHome(path))
  return take(call, readFileSync(atHome(path), 'utf8'), edited)
}

/** `\ef` and `\ev`: the edited text stays in the buffer until the user types its semicolon. */
function editSource(call: Call, kind: SourceKind, edited: PromptParts['edited']): boolean {
  const text = sourceToEdit(call.shell, kind, call.rest.trim())
  return text !== null && editText(call, text, edited)
}

function editText(call: Call, text: string, edited: PromptParts['edited']): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'syncpg-'))
  const file = join(folder, 'statement.sql')
  try {
    writeFileSync(file, text, { mode: 0o600 })
    runEditor(file)
    return take(call, readFileSync(file, 'utf8'), edited)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function runEditor(file: string): void {
  const editor = process.env['PSQL_EDITOR'] ?? process.env['VISUAL'] ?? process.env['EDITOR'] ?? 'vi'
  const { status } = spawnSync(`${editor} '${file.replaceAll("'", "'\\''")}'`, { shell: true, stdio: 'inherit' })
  if (status !== 0) throw new ShellError(`could not start editor "${editor}"`)
}

function take({ shell, reader }: Call, text: string, edited: PromptParts['edited']): boolean {
  reader.setBuffer('')
  shell.standard.write(text)
  shell.standard.flush()
  edited(text)
  return true
}
