/** Commands that send the query buffer: `\g`, `\gx`, `\gset`, `\gexec`, `\watch`. */
import { type Cursor, DbError, quoteLiteral } from '../../index.ts'
import { askTable } from '../catalog/ask-catalog.ts'
import type { Call } from './command-call.ts'
import { readArguments, targetOf } from './command-text.ts'
import { ShellError } from '../print/complaint.ts'
import { crosstabOf } from '../print/crosstab.ts'
import { executeSql, resultTable } from '../statements/execute-sql.ts'
import { noteFailure, noteSuccess } from '../statements/outcome.ts'
import { setPrintQuietly } from '../print/print-settings.ts'
import type { ResultUse, Shell } from '../shell.ts'

interface BufferUse {
  readonly expanded?: 'on'
  readonly isSetting?: boolean
  readonly isExecuting?: boolean
}

/** The last statement. A command with an empty buffer sends it again. */
const lastStatements = new WeakMap<Shell, string>()

export function lastStatement(shell: Shell): string {
  return lastStatements.get(shell) ?? ''
}

export function noteStatement(shell: Shell, sql: string): void {
  lastStatements.set(shell, sql)
}

export function runBuffer(call: Call, how: BufferUse): boolean {
  const { shell, reader, rest, words, copySource } = call
  const { options, target } = how.isSetting || how.isExecuting ? { options: [], target: '' } : readTarget(call, rest)
  const sql = takeBuffer(shell, reader)
  const before = { ...shell.print }
  try {
    for (const [name, value] of options) setPrintQuietly(shell, name, value)
    const use: ResultUse = {
      ...(how.expanded === undefined ? {} : { expanded: how.expanded }),
      ...(target === '' ? {} : { target }),
      ...(how.isSetting === true ? { consume: (cursor) => setVariables(shell, cursor, words[0] ?? '') } : {}),
    }
    if (how.isExecuting === true) return executeValues(call, sql)
    return executeSql(shell, { sql, copySource, use })
  } finally {
    Object.assign(shell.print, before)
  }
}

/** `\crosstabview`: prints the result with row and column headers from its values. */
export function showCrosstab({ shell, reader, words, copySource }: Call): boolean {
  const consume = (cursor: Cursor): void => shell.show(crosstabOf(cursor, words, shell.print.nullText))
  return executeSql(shell, { sql: takeBuffer(shell, reader), copySource, use: { consume } })
}

/** `\gexec`: runs each value of the result as a statement. */
function executeValues({ shell, copySource }: Call, sql: string): boolean {
  const statements: string[] = []
  const consume = (cursor: Cursor): void => {
    for (const row of resultTable(cursor).rows) for (const value of row) if (value !== null) statements.push(value)
  }
  if (!executeSql(shell, { sql, copySource, use: { consume } })) return false
  let isDone = true
  for (const statement of statements) {
    if (shell.variables.choice('ECHO') === 'all') shell.writeInfo(`${statement}\n`, shell.standard)
    isDone = executeSql(shell, { sql: statement, copySource })
    if (!isDone && shell.variables.isOn('ON_ERROR_STOP')) break
  }
  return isDone
}

export function takeBuffer(shell: Shell, reader: Call['reader']): string {
  const sql = reader.buffer === '' ? (lastStatements.get(shell) ?? '') : reader.buffer
  reader.setBuffer('')
  if (sql === '' && (shell.bound?.name ?? null) === null) throw new ShellError('there is no statement to send')
  noteStatement(shell, sql)
  return sql
}

/** Reads `(format=csv title=…) file`, `|command`, or nothing. */
function readTarget({ shell }: Call, rest: string): { options: [string, string][]; target: string } {
  const [, list = '', after = ''] = /^\s*(?:\(([^)]*)\))?\s*([^]*)$/.exec(rest) ?? []
  const options = readArguments(list, { variable: shell.variable }).map((each): [string, string] => {
    const at = each.indexOf('=')
    return at < 0 ? [each, 'on'] : [each.slice(0, at), each.slice(at + 1)]
  })
  return { options, target: targetOf(after, shell.variable) ?? '' }
}

function setVariables(shell: Shell, cursor: Cursor, prefix: string): void {
  const { columns, rows, rowCount } = resultTable(cursor)
  if (rowCount === 0) throw new ShellError('no rows returned for \\gset')
  if (rowCount > 1) throw new ShellError('more than one row returned for \\gset')
  for (const row of rows) {
    row.forEach((value, index) => {
      const name = prefix + columns[index]!.name
      if (shell.variables.isSpecial(name)) {
        // The name of a column comes from the server, which must not decide whether the program stops at errors.
        shell.warn(`attempt to \\gset into specially treated variable "${name}" ignored`)
      } else if (value === null) shell.variables.unset(name)
      else shell.variables.set(name, value)
    })
  }
}

/** `\gdesc`: prints the columns that the statement would return, without running it. */
export function describeBuffer({ shell, reader }: Call): boolean {
  const sql = takeBuffer(shell, reader)
  try {
    // A compiled statement has no markers but `$1`.
    const { columns } = shell.connection.describe({ sql, parameters: [] }, { prepare: false })
    if (columns.length === 0) shell.writeInfo('The command has no result, or the result has no columns.\n')
    else {
      const list = columns.map(({ name, typeCode, typmod }) => `(${quoteLiteral(name)}, '${typeCode}'::oid, ${typmod})`)
      const described = askTable(
        shell,
        `select name as "Column", pg_catalog.format_type(type, modifier) as "Type" from (values ${list.join(', ')}) as c (name, type, modifier)`,
        '',
      )
      const { columns: headers, rows, rowCount } = described
      shell.show({ columns: headers, rows, rowCount })
    }
    noteSuccess(shell.variables, columns.length)
    return true
  } catch (failure) {
    if (failure instanceof DbError) noteFailure(shell.variables, failure)
    throw failure
  }
}

/** `\watch [seconds]`, or `\watch i=seconds c=times`: repeats until an error, Ctrl-C, or the given number of times. */
export function watchBuffer({ shell, reader, words, copySource }: Call): boolean {
  const sql = takeBuffer(shell, reader)
  let seconds = Number(shell.variables.get('WATCH_INTERVAL') ?? 2)
  if (!Number.isFinite(seconds) || seconds < 0) seconds = 2
  let times = Infinity
  for (const word of words) {
    const [, name = 'i', value = ''] = /^(?:(i|interval|c|count)=)?(.*)$/.exec(word) ?? []
    const number = Number(value)
    if (!Number.isFinite(number) || number < 0) throw new ShellError(`\\watch: incorrect value "${value}"`)
    if (name.startsWith('c')) times = number
    else seconds = number
  }
  for (let count = 0; count < times; count++) {
    if (count > 0 && !shell.sleep(seconds * 1000)) break
    shell.writeInfo(`${new Date().toString().slice(0, 24)} (every ${seconds}s)\n\n`)
    if (!executeSql(shell, { sql, copySource })) return false
    shell.output.flush()
  }
  return true
}
