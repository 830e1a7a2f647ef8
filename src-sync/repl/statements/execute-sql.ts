/** Runs statements and prints their results as psql does: tables, command tags, COPY data, times, notifications. */
import { StringDecoder } from 'node:string_decoder'
import { type Cursor, DbError } from '../../index.ts'
import { executeBound, executeNamed } from './bound-parameters.ts'
import { describeExit } from '../io/child-pipe.ts'
import { Interruption, ShellError } from '../print/complaint.ts'
import type { CopySource } from './copy-source.ts'
import { type CopyPart, copyDirection, partsWithCopy } from './copy-statement.ts'
import { ImplicitBlock } from './implicit-block.ts'
import { noteFailure, noteSuccess } from './outcome.ts'
import { Output } from '../io/output.ts'
import { LoadProgress } from '../io/progress.ts'
import type { ResultUse, Shell } from '../shell.ts'
import type { Cell, PrintOptions, Table } from '../print/table.ts'

export interface SqlRequest {
  readonly sql: string
  /** Data for `COPY … FROM STDIN`. */
  readonly copySource: CopySource
  /** The number of bytes of that data, when known. */
  readonly copySize?: number
  readonly use?: ResultUse
}

/** @returns whether all of it succeeded; failures have been reported. */
export function executeSql(shell: Shell, request: SqlRequest): boolean {
  const { sql, use = {} } = request
  if (shell.variables.choice('ECHO') === 'queries') shell.writeInfo(`${sql}\n`, shell.standard)
  shell.log?.write(`********* QUERY **********\n${sql}\n**************************\n\n`)
  if (shell.variables.isOn('SINGLESTEP') && !isWanted(shell, sql)) return false
  const startedMs = performance.now()
  let isDone = true
  const savepoint = beginSavepoint(shell)
  try {
    beginWhereWanted(shell, sql)
    withTarget(shell, use, (output) => noteSuccess(shell.variables, runRequest(shell, request, output)))
  } catch (failure) {
    isDone = false
    if (!(failure instanceof DbError) && !(failure instanceof ShellError) && !isFileError(failure)) throw failure
    // Errors of the client itself, such as a \gset without a row, do not change the variables about the last statement.
    if (failure instanceof DbError) noteFailure(shell.variables, failure)
    shell.fail(failure)
    if (shell.variables.choice('ECHO') === 'errors') shell.writePlacedError(`STATEMENT:  ${sql}\n`)
  }
  if (savepoint) endSavepoint(shell, isDone)
  if (shell.hasTiming) shell.writeInfo(`${timeText(performance.now() - startedMs)}\n`, shell.standard)
  shell.showNotifications()
  // The reader may need this output before the next statement is written, or while the next one runs.
  shell.output.flush()
  shell.standard.flush()
  return isDone
}

/** `-s`: shows a statement before it is sent, and asks for confirmation. An answer that begins with x cancels it. */
function isWanted(shell: Shell, sql: string): boolean {
  shell.standard.write(
    `***(Single step mode: verify command)*******************************************\n${sql}\n***(press return to proceed or enter x and return to cancel)********************\n`,
  )
  shell.standard.flush()
  return shell.readAnswer()?.startsWith('x') !== true
}

/** @returns the number of rows of the last result. */
function runRequest(shell: Shell, request: SqlRequest, output: Output): number {
  const { sql } = request
  const parts = partsWithCopy(sql, shell.standardConformingStrings)
  if (parts !== null) return runParts(shell, request, parts, output)
  return runPart(shell, request, { sql, direction: copyDirection(sql) }, output)
}

/**
 * Runs several statements with a COPY among them. The driver moves the data of one COPY at a time, so they run one by one, in
 * the transaction that the server would have made of them. The data of statements that were not reached is skipped.
 */
function runParts(shell: Shell, request: SqlRequest, parts: readonly CopyPart[], output: Output): number {
  const block = new ImplicitBlock(shell)
  let rowCount = 0
  let reached = 0
  try {
    for (const part of parts) {
      block.before(part.sql)
      reached += 1
      const { consume: _consume, ...printed } = request.use ?? {}
      rowCount = runPart(shell, reached === parts.length ? request : { ...request, use: printed }, part, output)
    }
    block.end()
  } catch (failure) {
    for (const { direction } of parts.slice(reached)) if (direction === 'in') request.copySource.skip()
    block.undo()
    throw failure
  }
  return rowCount
}

function runPart(shell: Shell, request: SqlRequest, { sql, direction }: CopyPart, output: Output): number {
  shell.statement = sql
  if (direction === 'in') return copyIn(shell, sql, request)
  if (direction === 'out') return copyOut(shell, sql, output)
  return runAndPrint(shell, sql, request.use ?? {}, output)
}

/** @returns the number of rows of the last result. */
function runAndPrint(shell: Shell, sql: string, use: ResultUse, output: Output): number {
  const { bound } = shell
  let rowCount = 0
  const print = (result: Cursor, isLast = true): void => {
    rowCount = result.rowcount
    if (!isLast && !shell.variables.isOn('SHOW_ALL_RESULTS')) return
    // A consumer that replaces the printer gets only the last result.
    const { consume, ...printed } = use
    printResult(shell, result, isLast && consume !== undefined ? use : printed, output)
  }
  if (bound !== null) {
    shell.bound = null
    if (bound.name === null) executeBound(shell.connection, sql, bound.values, print)
    else executeNamed(shell.connection, bound.name, bound.values, print)
    return rowCount
  }
  const cursor = shell.connection.cursor()
  let isDone = false
  try {
    cursor.execute(sql, null, { text: true })
    isDone = true
  } finally {
    // Results before a failure are printed before the failure is reported.
    const results = cursor.statusmessage === null ? [] : [...cursor.results()]
    for (const [index, result] of results.entries()) print(result, isDone && index === results.length - 1)
    cursor.close()
  }
  return rowCount
}

function printResult(shell: Shell, cursor: Cursor, use: ResultUse, output: Output): void {
  const tag = cursor.statusmessage ?? ''
  if (tag === 'LISTEN') shell.isListening = true
  if (/^(?:COMMIT|SAVEPOINT|RELEASE|ROLLBACK)$/.test(tag)) shell.isSavepointGone = true
  if (/^(?:CREATE|ALTER|DROP|SET|ROLLBACK|DISCARD)\b/.test(tag)) shell.generation += 1
  if (cursor.description !== null && use.consume !== undefined) return use.consume(cursor)
  if (cursor.description !== null) {
    const options: PrintOptions = use.expanded === undefined ? shell.print : { ...shell.print, expanded: use.expanded }
    const table = resultTable(cursor)
    const titled = options.title === '' ? table : { ...table, title: options.title }
    shell.show(titled, options, output)
    if (shell.log !== null) shell.show(titled, options, shell.log)
    if (output.isBroken) throw new ShellError('could not print result table: Broken pipe')
  }
  if (tag === '' || (cursor.description !== null && !/^(?:INSERT|UPDATE|DELETE|MERGE)\b/.test(tag))) return
  if (!shell.variables.isOn('QUIET')) shell.writeInfo(`${tag}\n`, output)
  shell.log?.write(`${tag}\n`)
}

/** A result as a table whose rows can be read more than once. */
export function resultTable(cursor: Cursor): Table {
  const columns = (cursor.description ?? []).map((column) => ({ name: column.name, typeOid: column.typeCode }))
  const rowCount = countRows(cursor)
  const rows: Iterable<Cell[]> = {
    [Symbol.iterator]() {
      if (rowCount > 0) cursor.scroll(0, 'absolute')
      return cursor[Symbol.iterator]() as Iterator<unknown> as Iterator<Cell[]>
    },
  }
  return { columns, rows, rowCount }
}

/**
 * The number of rows. The count in the tag is not used for commands like EXPLAIN and SHOW, whose tags have none, and for
 * statements that a rule rewrites: an UPDATE of no rows may return some.
 */
function countRows(cursor: Cursor): number {
  if (cursor.rowcount >= 0 && /^(?:SELECT|FETCH)\b/.test(cursor.statusmessage ?? '')) return cursor.rowcount
  let count = 0
  while (cursor.fetchmany(1000).length > 0) count = cursor.rownumber ?? count
  return count
}

/**
 * Sends the data of a COPY. When the COPY fails, the rest of its data is skipped, because it would be read as statements.
 */
function copyIn(shell: Shell, sql: string, { copySource, copySize }: SqlRequest): number {
  const cursor = shell.connection.cursor()
  const progress = new LoadProgress(shell.script, copySize ?? null)
  let data: ReturnType<CopySource['read']> | null = null
  try {
    cursor.copy(sql, (copy) => {
      data = copySource.read()
      for (const chunk of data) {
        copy.write(chunk)
        progress.add(chunk.length)
      }
    })
  } catch (failure) {
    // A lost connection or Ctrl-C ends the script and everything after it, so nothing has to be skipped.
    const isInterrupted =
      failure instanceof Interruption || (failure instanceof DbError && failure.interrupted === true)
    if (!shell.connection.closed && !isInterrupted) passOver(copySource, data)
    if (failure instanceof Interruption) throw new ShellError(`COPY from stdin failed: ${failure.message}`)
    throw failure
  } finally {
    progress.hide()
  }
  shell.say(cursor.statusmessage ?? '', shell.output)
  return cursor.rowcount
}

function passOver(source: CopySource, data: ReturnType<CopySource['read']> | null): void {
  if (data === null) source.skip()
  else data.skip?.()
}

function copyOut(shell: Shell, sql: string, output: Output): number {
  const cursor = shell.connection.cursor()
  const decoder = new StringDecoder('utf8')
  cursor.copy(sql, (copy) => {
    for (const chunk of copy) {
      if (output.isTerminal) shell.writeText(decoder.write(chunk), output)
      else output.writeBytes(chunk)
    }
  })
  if (output.isBroken) throw new ShellError('could not write COPY data: Broken pipe')
  // The command tag must not be mixed with the data, so it is printed only when the data went elsewhere.
  if (output !== shell.output) shell.say(cursor.statusmessage ?? '', shell.output)
  return cursor.rowcount
}

function withTarget(shell: Shell, use: ResultUse, body: (output: Output) => void): void {
  if (use.target === undefined) return body(shell.output)
  // The program may write to the same place, so earlier output must go out first.
  shell.output.flush()
  const output = Output.open(use.target)
  let status = 0
  try {
    body(output)
  } finally {
    status = output.close()
  }
  if (status !== 0 && use.mustSucceed === true) {
    throw new ShellError(`${use.target.slice(1)}: ${describeExit(status)}`)
  }
}

/** With AUTOCOMMIT off, begins a transaction before a statement that can run in one. */
function beginWhereWanted(shell: Shell, sql: string): void {
  const { connection, variables } = shell
  if (variables.isOn('AUTOCOMMIT') || connection.info.status !== 'idle') return
  if (
    /^\s*(?:begin|start|commit|end|rollback|abort|prepare\s+transaction|vacuum|cluster\s*;?$|(?:create|drop)\s+(?:database|tablespace)|alter\s+system|reindex\s+(?:database|system))\b/i.test(
      sql,
    )
  )
    return
  connection.execute('begin', null, { text: true })
}

const SAVEPOINT = 'syncpg_statement'

function beginSavepoint(shell: Shell): boolean {
  const mode = shell.variables.choice('ON_ERROR_ROLLBACK')
  const isWanted = mode === 'on' || (mode === 'interactive' && shell.isInteractive && shell.script === null)
  if (!isWanted || shell.connection.info.status !== 'in-transaction') return false
  shell.isSavepointGone = false
  shell.connection.execute(`savepoint ${SAVEPOINT}`, null, { text: true })
  return true
}

function endSavepoint(shell: Shell, isDone: boolean): void {
  const { connection } = shell
  if (connection.closed || connection.info.status === 'idle') return
  // The statement has released or hidden our savepoint, so a release would fail or release the user's savepoint.
  if (isDone && shell.isSavepointGone) return
  try {
    connection.execute(`${isDone ? 'release' : 'rollback to'} ${SAVEPOINT}`, null, { text: true })
  } catch (failure) {
    // The statement itself may have ended our savepoint, by a COMMIT for example.
    if (!(failure instanceof DbError) || failure.sqlstate !== '3B001') throw failure
  }
}

function isFileError(failure: unknown): boolean {
  return failure instanceof Error && 'syscall' in failure
}

/** `Time: 1.234 ms`, with minutes and hours when it took so long. */
export function timeText(elapsedMs: number): string {
  if (elapsedMs < 1000) return `Time: ${elapsedMs.toFixed(3)} ms`
  const seconds = elapsedMs / 1000
  const minutes = Math.floor(seconds / 60)
  const two = (value: number): string => String(value).padStart(2, '0')
  const rest = (seconds - minutes * 60).toFixed(3).padStart(6, '0')
  if (minutes < 60) return `Time: ${elapsedMs.toFixed(3)} ms (${two(minutes)}:${rest})`
  return `Time: ${elapsedMs.toFixed(3)} ms (${two(Math.floor(minutes / 60))}:${two(minutes % 60)}:${rest})`
}
