/**
 * The program `syncpg`: reads the command line, connects, and runs a batch or the prompt. It uses the package's entry
 * point like any other program. Modules that only the prompt needs are loaded only for the prompt.
 */
import { DbError, version } from '../index.ts'
import { type CommandLine, connectOptions, readCommandLine } from './arguments.ts'
import { runBatch } from './batch.ts'
import { atHome } from './commands/command-text.ts'
import { isAboutPassword, userOf } from './connection-target.ts'
import { ShellError, connectFailureText, describeFailure, failureText } from './print/complaint.ts'
import { withoutControls } from './print/control-text.ts'
import { Output, complain } from './io/output.ts'
import { setPrintQuietly } from './print/print-settings.ts'
import { EXIT, Shell } from './shell.ts'
import { USAGE } from './usage.ts'

const EMBEDDED = 'pglite:'
const ENVIRONMENT = ['PGHOST', 'PGHOSTADDR', 'PGPORT', 'PGDATABASE', 'PGUSER', 'PGPASSWORD', 'PGSERVICE']

async function main(words: readonly string[]): Promise<number> {
  const line = readCommandLine(words)
  if (line.shows !== null) {
    const output = Output.standard()
    output.write(line.shows === 'version' ? `syncpg ${version}\n` : USAGE)
    output.flush()
    return EXIT.success
  }
  const isBatch = line.actions.length > 0 || line.listsDatabases || process.stdin.isTTY !== true
  const isEmbedded = line.dsn === undefined && Object.keys(line.options).length === 0 && !isConfigured()
  if (isEmbedded) line.dsn = EMBEDDED
  if (isBatch && line.actions.length === 0 && line.listsDatabases) line.actions.push({ kind: 'command', text: '\\l' })
  const shell = await open(line, { isInteractive: !isBatch, isUnnamed: isEmbedded })
  if (shell === null) return EXIT.lost
  try {
    configure(shell, line)
    if (isBatch) return runBatch(shell, line)
    const { runPrompt } = await import('./prompt/prompt.ts')
    return await runPrompt(shell, { readsStartFile: line.readsStartFile, isEmbedded })
  } finally {
    shell.close()
  }
}

/** @param user the user whose password the server wants; null when no user was named */
async function password(user: string | null): Promise<{ password?: string }> {
  const { askPassword } = await import('./io/terminal.ts')
  const given = askPassword(user === null ? 'Password: ' : `Password for user ${user}: `)
  return given === null ? {} : { password: given }
}

/** Prints text from a server before the login. Anyone could have sent it, so control characters are escaped on a terminal. */
function complainOfServer(text: string): void {
  complain(process.stderr.isTTY === true ? withoutControls(text) : text)
}

/** Whether the environment variables name a server. */
function isConfigured(): boolean {
  return ENVIRONMENT.some((name) => (process.env[name] ?? '') !== '')
}

interface Opening {
  readonly isInteractive: boolean
  /** Whether neither the command line nor the environment names a server. */
  readonly isUnnamed: boolean
  /** Whether the server has asked for a password. */
  readonly isRefused?: boolean
}

/** @returns null when there is no connection; the reason has been printed. */
async function open(
  line: CommandLine,
  { isInteractive, isUnnamed, isRefused = false }: Opening,
): Promise<Shell | null> {
  const { dsn } = line
  let options = connectOptions(line)
  const isStarting = isInteractive && dsn?.startsWith(EMBEDDED) === true
  if (isStarting) complain('Starting the embedded PostgreSQL …')
  if (line.asksPassword) {
    const user = isRefused ? userOf(dsn, options) : (options.user ?? null)
    options = { ...options, ...(await password(typeof user === 'string' ? user : null)) }
  }
  try {
    return new Shell({ dsn, options, isInteractive })
  } catch (failure) {
    if (isStarting) complain('\n')
    if (!(failure instanceof DbError)) throw failure
    const canAsk = !line.neverAsksPassword && process.stdin.isTTY === true && process.stderr.isTTY === true
    if (isAboutPassword(failure) && canAsk && options.password === undefined) {
      line.asksPassword = true
      return open(line, { isInteractive, isUnnamed, isRefused: true })
    }
    complainOfServer(
      describeFailure(new ShellError(connectFailureText(failure)), {
        verbosity: 'default',
        showContext: 'never',
        place: null,
      }),
    )
    if (isUnnamed) {
      complain(
        'No server is named, so the embedded one was tried. One is named by a connection string, -h or PGHOST:\n',
      )
      complain('  npx syncpg postgres://user@host/database\n')
    }
    return null
  }
}

function configure(shell: Shell, line: CommandLine): void {
  if (line.isQuiet) shell.variables.set('QUIET', 'on')
  Object.assign(shell.print, line.print)
  for (const [name, value] of line.settings) setPrintQuietly(shell, name, value)
  for (const [name, value] of line.variables) {
    if (value === undefined) shell.variables.unset(name)
    else shell.variables.set(name, value)
  }
  if (line.log !== null) shell.log = Output.append(atHome(line.log))
  shell.canAskPassword = !line.neverAsksPassword
  if (line.output !== null) shell.output = Output.open(line.output)
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (failure) {
  const text = failure instanceof ShellError ? `syncpg: error: ${failure.message}\n` : null
  if (text === null && !(failure instanceof Error && 'syscall' in failure)) throw failure
  complain(text ?? `syncpg: error: ${failureText(failure as Error)}\n`)
  process.exitCode = EXIT.failure
}
