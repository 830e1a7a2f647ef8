/** The backslash commands by name. Short ones are implemented here, long ones in their own files. */
import { spawnSync } from 'node:child_process'
import { dirname, isAbsolute, join } from 'node:path'
import { chdir } from 'node:process'
import { DbError, quoteIdentifier } from '../../index.ts'
import { serverVersion } from '../catalog/ask-catalog.ts'
import { atHome, readArguments, targetOf, warnOfWords } from './command-text.ts'
import { ShellError, describeMessage, failureText } from '../print/complaint.ts'
import { connectAnew, describeConnection } from './connect-command.ts'
import { copyCommand } from './copy-command.ts'
import { timeText } from '../statements/execute-sql.ts'
import { HELP } from './help.ts'
import { exportLargeObject, importLargeObject, unlinkLargeObject } from './large-objects.ts'
import { describeObjects, isObjectCommand } from '../catalog/objects.ts'
import { Output } from '../io/output.ts'
import { setPrint, showPrint } from '../print/print-settings.ts'
import { describeBuffer, lastStatement, runBuffer, showCrosstab, takeBuffer, watchBuffer } from './query-commands.ts'
import type { Call, Command, CommandContext } from './command-call.ts'
import { decoderOf } from '../io/script-encoding.ts'
import { EXIT, type Shell } from '../shell.ts'
import { describeSqlHelp } from './sql-help.ts'
import { readSwitch } from '../variables.ts'

/** The result of a command; `quit` ends the script with the command, and the prompt. */
export type CommandOutcome = 'done' | 'failed' | 'quit'

/** @returns false when it failed without throwing */
type Action = (call: Call) => boolean | 'quit' | void

const ACTIONS = new Map<string, Action>()

function define(names: string, action: Action): void {
  for (const name of names.split(' ')) ACTIONS.set(name, action)
}

define('q quit', () => 'quit')
define('echo', (call) => echo(call, call.shell.standard.write))
define('qecho', (call) => echo(call, call.shell.output.write))
define('warn', (call) => echo(call, (text) => call.shell.writeError(text)))
define('set', ({ shell, words: [name, ...values] }) => {
  if (name !== undefined) return shell.variables.set(name, values.join(''))
  for (const [key, value] of shell.variables.entries()) shell.standard.write(`${key} = '${value}'\n`)
})
define('unset', ({ shell, words: [name] }) => shell.variables.unset(required(name, 'unset')))
define('pset', ({ shell, words: [name, value] }) =>
  name === undefined ? showPrint(shell) : setPrint(shell, name, value),
)
define('x', ({ shell, words: [value] }) => setPrint(shell, 'expanded', value))
define('t', ({ shell, words: [value] }) => setPrint(shell, 'tuples_only', value))
define('C', ({ shell, words: [value] }) => setPrint(shell, 'title', value))
define('T', ({ shell, words: [value] }) => setPrint(shell, 'tableattr', value))
define('H html', ({ shell }) => setPrint(shell, 'format', shell.print.format === 'html' ? 'aligned' : 'html'))
define('a', ({ shell }) => setPrint(shell, 'format', shell.print.format === 'aligned' ? 'unaligned' : 'aligned'))
define('f', ({ shell, words: [value] }) => setPrint(shell, 'fieldsep', value))
define('timing', ({ shell, words: [value] }) => {
  try {
    shell.hasTiming = value === undefined ? !shell.hasTiming : readSwitch(value, '\\timing')
  } catch (failure) {
    shell.fail(failure)
  }
  shell.say(`Timing is ${shell.hasTiming ? 'on' : 'off'}.`)
})
define('i include', ({ words: [given], include }) => {
  const path = atHome(required(given, 'i'))
  return include(path, path) === EXIT.success
})
define('ir include_relative', ({ words: [path], include, folder }) => {
  const given = atHome(required(path, 'ir'))
  const found = folder === null || isAbsolute(given) ? given : join(dirname(folder), given)
  return include(found, found) === EXIT.success
})
define('o out', ({ shell, rest }) => {
  const target = targetOf(rest, shell.variable)
  shell.output.flush()
  // When the new destination cannot be opened, results keep the old one.
  const next = target === undefined ? shell.standard : Output.open(target)
  if (shell.output !== shell.standard) shell.output.close()
  shell.output = next
})
define('g', (call) => runBuffer(call, {}))
define('gx', (call) => runBuffer(call, { expanded: 'on' }))
define('gset', (call) => runBuffer(call, { isSetting: true }))
define('gexec', (call) => runBuffer(call, { isExecuting: true }))
define('gdesc', describeBuffer)
define('bind', ({ shell, words }) => {
  shell.bound = { name: null, values: words }
})
define('crosstabview', showCrosstab)
define('parse', ({ shell, reader, words: [name] }) => {
  const sql = takeBuffer(shell, reader)
  shell.connection.execute(`prepare ${quoteIdentifier(required(name, 'parse'))} as ${sql}`, null, { text: true })
})
define('bind_named', ({ shell, words: [name, ...values] }) => {
  shell.bound = { name: required(name, 'bind_named'), values }
})
define('close close_prepared', ({ shell, name, words: [statement] }) => {
  shell.connection.execute(`deallocate ${quoteIdentifier(required(statement, name))}`, null, { text: true })
})
define('watch', watchBuffer)
define('p print', ({ shell, reader }) => {
  const text = reader.buffer === '' ? lastStatement(shell) : reader.buffer
  shell.standard.write(text === '' ? 'Query buffer is empty.\n' : `${text}\n`)
})
define('r reset', ({ shell, reader }) => {
  reader.setBuffer('')
  shell.say('Query buffer reset (cleared).')
})
define('w write', ({ shell, reader, rest }) => {
  const text = reader.buffer === '' ? lastStatement(shell) : reader.buffer
  shell.output.flush()
  const output = Output.open(required(targetOf(rest, shell.variable), 'w'))
  if (text !== '') output.write(`${text}\n`)
  output.close()
})
define('c connect', ({ shell, words }) => connectAnew(shell, words))
define('conninfo', ({ shell }) => shell.writeInfo(describeConnection(shell), shell.standard))
define('encoding', ({ shell, words: [name] }) => {
  if (name === undefined) return shell.standard.write(`${shell.variables.get('ENCODING') ?? 'UTF8'}\n`)
  if (decoderOf(name) === null) {
    throw new ShellError(`${name}: invalid encoding name or conversion procedure not found`)
  }
  // Only the following lines of the script are read in this encoding. The connection and the results stay UTF-8.
  shell.variables.set('ENCODING', name.toUpperCase())
  shell.onEncoding?.(name)
})
define('errverbose', ({ shell }) => {
  if (shell.lastFailure === null) return shell.writeInfo('There is no previous error.\n', shell.standard)
  const options = { verbosity: 'verbose', showContext: 'always', place: null } as const
  shell.remark(describeMessage(shell.lastFailure, options))
})
define('getenv', ({ shell, words: [name, variable] }) => {
  const value = process.env[required(variable, 'getenv')]
  if (value === undefined) shell.variables.unset(name as string)
  else shell.variables.set(name as string, value)
})
define('setenv', ({ words: [name, value] }) => {
  const variable = required(name, 'setenv')
  if (variable.includes('=')) throw new ShellError('\\setenv: environment variable name must not contain "="')
  if (value === undefined) delete process.env[variable]
  else process.env[variable] = value
})
define('copy', copyCommand)
define('cd', ({ words: [path] }) => {
  const folder = path ?? process.env['HOME'] ?? '/'
  try {
    chdir(folder)
  } catch (failure) {
    const text = failure instanceof Error ? failureText(failure) : ''
    throw new ShellError(`\\cd: could not change directory to "${folder}"${text.slice(text.lastIndexOf(': '))}`)
  }
})
define('!', ({ shell, rest }) => {
  shell.standard.flush()
  const command = rest.trim() === '' ? (process.env['SHELL'] ?? '/bin/sh') : rest
  // The command's exit status is ignored, as in psql.
  spawnSync(command, { shell: true, stdio: 'inherit' })
})
define('prompt', ({ shell, words, readLine }) => {
  const name = required(words.at(-1), 'prompt')
  shell.writeError(words.length > 1 ? (words[0] as string) : '')
  const line = readLine()
  if (line === null) throw new ShellError('\\prompt: could not read value for variable')
  shell.variables.set(name, line)
})
define('restrict', ({ shell, words: [key] }) => {
  shell.restrictKey = required(key, 'restrict')
})
define('unrestrict', () => {
  throw new ShellError('\\unrestrict: not currently in restricted mode')
})
define('lo_import', importLargeObject)
define('lo_export', exportLargeObject)
define('lo_unlink', unlinkLargeObject)
define('lo_list lo_list+', (call) => describeObjects({ ...call, name: call.name.replace('lo_list', 'dl') }))
define('copyright', ({ shell }) => shell.standard.write(COPYRIGHT))
define('startpipeline sendpipeline syncpipeline endpipeline flush flushrequest getresults', ({ name }) => {
  throw new ShellError(`\\${name}: pipelines are not supported; statements separated by \\; go in one round trip`)
})
define('?', ({ shell }) => shell.standard.write(HELP))
define('h help', ({ shell, rest }) => {
  const major = Math.trunc(serverVersion(shell) / 10_000)
  shell.standard.write(describeSqlHelp(rest, major))
})

const COPYRIGHT = `syncpg is under the MIT License: see the file LICENSE of the package.
The commands are shaped after those of psql, which is under the PostgreSQL License:
Portions Copyright (c) 1996-2026, PostgreSQL Global Development Group
Portions Copyright (c) 1994, The Regents of the University of California
`

/** Replaces or adds a command; the prompt has some commands of its own. */
export function defineCommand(names: string, action: Action): void {
  define(names, action)
}

export function commandNames(): string[] {
  return [...ACTIONS.keys()]
}

/** Commands whose arguments lose their double quotes. The other commands read the quotes themselves. */
const DROPS_QUOTES = /^c(?:onnect)?$/

/** The number of arguments of a command, when there is a limit. */
const MOST_WORDS: ReadonlyMap<string, number> = new Map(
  [
    'a H html q quit p print r reset conninfo errverbose gdesc',
    'x t C T f timing i include ir include_relative encoding gset unset cd password restrict unrestrict',
    'pset prompt getenv setenv',
  ].flatMap((names, count) => names.split(' ').map((name) => [name, count] as const)),
)

/** Commands that read the rest of the line themselves, so that a shell command in it is not split or run twice. */
const KEEPS_REST = /^(?:!|js|g|gx|o|out|w|write|copy)$/

/** Commands whose last argument may have a semicolon after it, which users type out of habit. */
const DROPS_SEMICOLON = /^(?:[dlz].*|c(?:onnect)?|x|t|ir?|include(?:_relative)?|timing)$/

/** Commands that end a statement. When the server refuses the statement, the rest of the line still runs. */
const SENDS = /^(?:g|gx|gset|gexec|gdesc|crosstabview);*$/

/**
 * Runs a command. After a failed or unknown command the rest of its line is skipped, because it may be a part of its arguments.
 * @returns the result; failures have been reported.
 */
export function runCommand(command: Command, context: CommandContext): CommandOutcome {
  const outcome = dispatch(command, context)
  if (outcome === 'failed' && !SENDS.test(command.name)) context.reader.dropLine()
  return outcome
}

function dispatch({ name: typed, rest: given }: Command, context: CommandContext): CommandOutcome {
  const { shell } = context
  const name = typed.replace(/;+$/, '')
  const rest = DROPS_SEMICOLON.test(name) ? given.replace(/[;\s]+$/, '') : given
  const startedMs = performance.now()
  try {
    if (shell.restrictKey !== null) return unrestrict(shell, name, rest) ? 'done' : 'failed'
    const found = ACTIONS.get(name) ?? (isObjectCommand(name) ? describeObjects : undefined)
    if (found === undefined) throw new ShellError(`invalid command \\${name}`)
    const { variable } = shell
    const keepsQuotes = !DROPS_QUOTES.test(name)
    const words = KEEPS_REST.test(name)
      ? []
      : readArguments(rest, { variable, keepsQuotes, most: MOST_WORDS.get(name) })
    const outcome = found({ ...context, name, rest, words })
    const most = MOST_WORDS.get(name)
    if (most !== undefined && outcome !== false) warnOfWords(shell, name, words, most)
    return outcome === 'quit' ? 'quit' : outcome === false ? 'failed' : 'done'
  } catch (failure) {
    if (!(failure instanceof Error)) throw failure
    shell.fail(
      failure instanceof DbError || failure instanceof ShellError ? failure : new ShellError(failureText(failure)),
    )
    return 'failed'
  } finally {
    if (shell.hasTiming && /^d|^l/.test(name))
      shell.writeInfo(`${timeText(performance.now() - startedMs)}\n`, shell.standard)
  }
}

/** In restricted mode only `\unrestrict` works. pg_dump's scripts use it around loaded data: see CVE-2025-8714. */
function unrestrict(shell: Shell, name: string, rest: string): boolean {
  if (name !== 'unrestrict') throw new ShellError(`backslash commands are restricted; only \\unrestrict is allowed`)
  if (rest.trim() !== shell.restrictKey) throw new ShellError('\\unrestrict: wrong key')
  shell.restrictKey = null
  return true
}

function required(value: string | undefined, name: string): string {
  if (value === undefined) throw new ShellError(`\\${name}: missing required argument`)
  return value
}

/** Prints the words. A bare `-n` first leaves out the line break; a quoted one is an ordinary word. */
function echo({ rest, words }: Call, write: (text: string) => void): void {
  const isBare = /^\s*-n(?:\s|$)/.test(rest)
  write((isBare ? words.slice(1) : words).join(' ') + (isBare ? '' : '\n'))
}
