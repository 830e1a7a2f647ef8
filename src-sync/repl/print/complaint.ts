/** Errors and notices in psql's words: what it was, the line with a caret, detail, hint, context, and where in a script. */
import { DbError, type Warning } from '../../index.ts'
import { describePlace } from './statement-place.ts'

export type Verbosity = 'default' | 'verbose' | 'terse' | 'sqlstate'

export interface ComplaintOptions {
  readonly verbosity: Verbosity
  readonly showContext: 'never' | 'errors' | 'always'
  /** `file:line`, null at a prompt. */
  readonly place: string | null
  /** What ran when a notice came, which says a place in it and not what it is. */
  readonly statement?: string | null
  /** Somebody reads it at a prompt, where the SQLSTATE and what failed first help; a script's log is as psql writes it. */
  readonly isInteractive?: boolean
}

/** An error the program itself has to tell. */
export class ShellError extends Error {}

/** Ctrl-C while something was read from the terminal. */
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

/** What an error says; of a file, its name and the system's words for what is wrong with it. */
export function failureText(failure: Error, file?: string): string {
  const { code = '', path, dest, syscall } = failure as NodeJS.ErrnoException & { readonly dest?: string }
  const words = FILE_WORDS.get(code)
  const name = dest ?? path ?? file ?? (syscall === 'write' ? 'could not write the results' : undefined)
  return words === undefined || name === undefined ? failure.message : `${name}: ${words}`
}

/** Why there is no connection: a line for each place that was tried. */
export function connectFailureText(failure: Error): string {
  const { cause } = failure
  if (cause instanceof AggregateError) return cause.errors.map(connectFailureText).join('\n')
  const severity = failure instanceof DbError ? failure.severity : undefined
  return severity === undefined ? failure.message : `${severity}:  ${failure.message}`
}

/** @param message an error or notice of the server's. */
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

/** The server says nothing more of it; the driver adds which error it was. */
const IN_FAILED_TRANSACTION = '25P02'

/** The line of the statement with a caret, DETAIL and HINT. */
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
 * What the driver adds is for programs that pass parameters and prepare statements: "cast it: $1::text" helps nobody here.
 */
const DRIVERS_HINT =
  /^(?:the server cannot infer the type|a prepared statement was not where|this statement cannot run in a transaction, and|I[NS](?: NOT)? takes no parameter)/

function serversHint(hint: string | undefined): string | undefined {
  const lines = hint?.split('\n').filter((line) => !DRIVERS_HINT.test(line))
  return lines === undefined || lines.length === 0 ? undefined : lines.join('\n')
}

/** What an error and a notice may say of where it is. */
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
