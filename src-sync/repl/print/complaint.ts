/** Errors and notices in psql's form: message, the line with a caret, detail, hint, context, and the place in a script. */
import { DbError, type Warning } from '../../index.ts'
import { describePlace } from './statement-place.ts'

export type Verbosity = 'default' | 'verbose' | 'terse' | 'sqlstate'

export interface ComplaintOptions {
  readonly verbosity: Verbosity
  readonly showContext: 'never' | 'errors' | 'always'
  /** `file:line`; null at a prompt. */
  readonly place: string | null
  /** The statement that ran when a notice came, because a notice has only a position in it. */
  readonly statement?: string | null
  /** Whether a user reads it at a prompt; then it also shows the SQLSTATE and the first failure. Logs are as in psql. */
  readonly isInteractive?: boolean
}

/** An error that the program itself reports. */
export class ShellError extends Error {}

/** Ctrl-C was pressed while the terminal was read. */
export class Interruption extends ShellError {}

export function describeFailure(failure: unknown, options: ComplaintOptions): string {
  if (failure instanceof DbError && failure.severity !== undefined) return describeMessage(failure, options)
  const text = failure instanceof Error ? failureText(failure) : String(failure)
  return options.place === null ? `syncpg: error: ${text}\n` : `syncpg:${options.place}: error: ${text}\n`
}

const FILE_WORDS: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'No such file or directory'],
  ['EISDIR', 'Is a directory'],
  ['ENOTDIR', 'Not a directory'],
  ['EACCES', 'Permission denied'],
  ['EPERM', 'Operation not permitted'],
  ['ENOSPC', 'No space left on device'],
  ['EROFS', 'Read-only file system'],
  ['EMFILE', 'Too many open files'],
])

/** The message of an error. For a file error: the file's name and the system's message. */
export function failureText(failure: Error, file?: string): string {
  const { code = '', path, dest, syscall } = failure as NodeJS.ErrnoException & { readonly dest?: string }
  const words = FILE_WORDS.get(code)
  const name = dest ?? path ?? file ?? (syscall === 'write' ? 'could not write the results' : undefined)
  return words === undefined || name === undefined ? failure.message : `${name}: ${words}`
}

/** The message of a failed connection, with a line for each address that was tried. */
export function connectFailureText(failure: Error): string {
  const { cause } = failure
  if (cause instanceof AggregateError) return cause.errors.map(connectFailureText).join('\n')
  const severity = failure instanceof DbError ? failure.severity : undefined
  // The server's own words come after the address, as psql has them.
  return severity === undefined
    ? failure.message
    : failure.message.replace(/^(connection to .*? failed: )?/, `$1${severity}:  `)
}

/** @param message an error or a notice from the server */
export function describeMessage(message: DbError | Warning, options: ComplaintOptions): string {
  const { verbosity, place } = options
  const isError = message instanceof DbError
  const head = place === null ? '' : `syncpg:${place}: `
  const severity = message.severity ?? (isError ? 'ERROR' : 'NOTICE')
  if (verbosity === 'sqlstate') return `${head}${severity}:  ${message.sqlstate ?? ''}\n`
  const code = verbosity === 'verbose' ? `${message.sqlstate ?? ''}: ` : ''
  let text = `${head}${severity}:  ${code}${message.primaryMessage}`
  const { position } = message
  if (verbosity === 'terse') return position === undefined ? `${text}\n` : `${text} at character ${position}\n`
  text += '\n'
  const rest =
    isError && message.sqlstate === IN_FAILED_TRANSACTION && options.isInteractive !== true
      ? ''
      : placeAndMore(message, options.statement ?? undefined)
  if (rest !== '') text += `${rest}\n`
  const { internalQuery, context } = message
  if (internalQuery !== undefined && internalQuery !== '') text += `QUERY:  ${internalQuery}\n`
  const showsContext = options.showContext === 'always' || (options.showContext === 'errors' && isError)
  if (context !== undefined && context !== '' && showsContext) text += `CONTEXT:  ${context}\n`
  if (verbosity === 'verbose') text += sourceOf(message)
  else if (options.isInteractive === true && isError && message.sqlstate !== null)
    text += `SQLSTATE: ${message.sqlstate}\n`
  return text
}

/** For this SQLSTATE the server gives no details; the driver adds the error that made the transaction fail. */
const IN_FAILED_TRANSACTION = '25P02'

/** The line of the statement with a caret, then DETAIL and HINT. */
function placeAndMore(message: DbError | Warning, statement: string | undefined): string {
  const { query = statement, position, internalQuery, internalPosition, detail } = message as Placed
  const hint = serversHint(message.hint)
  let place = ''
  if (query !== undefined && position !== undefined) place = describePlace(query, position)
  else if (internalQuery !== undefined && internalPosition !== undefined)
    place = describePlace(internalQuery, internalPosition)
  const lines = [place, detail === undefined ? '' : `DETAIL:  ${detail}`, hint === undefined ? '' : `HINT:  ${hint}`]
  return lines.filter((line) => line !== '').join('\n')
}

/**
 * The driver's own hints, which are left out: they are for programs that pass parameters and prepare statements, and "cast it:
 * $1::text" does not help at the prompt.
 */
const DRIVERS_HINT =
  /^(?:the server cannot infer the type|a prepared statement was not where|this statement cannot run in a transaction, and|I[NS](?: NOT)? takes no parameter)/

function serversHint(hint: string | undefined): string | undefined {
  const lines = hint?.split('\n').filter((line) => !DRIVERS_HINT.test(line))
  return lines === undefined || lines.length === 0 ? undefined : lines.join('\n')
}

/** The fields in which an error or a notice describes its place. */
interface Placed {
  readonly query?: string
  readonly position?: number
  readonly internalQuery?: string
  readonly internalPosition?: number
  readonly detail?: string
}

const OBJECTS = [
  ['SCHEMA NAME', 'schemaName'],
  ['TABLE NAME', 'tableName'],
  ['COLUMN NAME', 'columnName'],
  ['DATATYPE NAME', 'dataTypeName'],
  ['CONSTRAINT NAME', 'constraintName'],
] as const

function sourceOf(message: DbError | Warning): string {
  let text = ''
  for (const [label, key] of OBJECTS) {
    const value = message[key]
    if (value !== undefined && value !== '') text += `${label}:  ${value}\n`
  }
  const { serverSourceFunction, serverSourceFilename, serverSourceLine } = message
  if (serverSourceFunction !== undefined) {
    text += `LOCATION:  ${serverSourceFunction}, ${serverSourceFilename ?? ''}:${serverSourceLine ?? ''}\n`
  }
  return text
}
