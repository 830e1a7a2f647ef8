/** Queries to the catalog. Values are read as the server prints them, so that results do not depend on codecs. */
import { resultTable } from '../statements/execute-sql.ts'
import { type Shell, versionNumber } from '../shell.ts'
import type { Cell, Table } from '../print/table.ts'

/** The form in which a command of the `\d` family was called: with `+`, with `S`, with a pattern. */
export interface ListRequest {
  readonly isVerbose: boolean
  readonly hasSystem: boolean
  readonly pattern: string | undefined
  /** The second pattern, of the few commands that take two. */
  readonly second?: string | undefined
  /** The words after the pattern: types of arguments. */
  readonly more?: readonly string[]
}

export function askCatalog(shell: Shell, sql: string): Cell[][] {
  echoHidden(shell, sql)
  return shell.connection.execute<Cell[]>(sql, null, { text: true }).fetchall()
}

/** The result of a catalog query as a table with a title. */
export function askTable(shell: Shell, sql: string, title: string): Table {
  echoHidden(shell, sql)
  return { ...resultTable(shell.connection.execute(sql, null, { text: true })), title }
}

/** The server's version as a number, 180001 for 18.1. */
export function serverVersion({ connection }: Shell): number {
  return versionNumber(connection.info.serverVersion)
}

/** With ECHO_HIDDEN, prints the queries of the commands, so that users can learn from them. */
function echoHidden(shell: Shell, sql: string): void {
  if (!shell.variables.isOn('ECHO_HIDDEN')) return
  const rule = '*'.repeat(26)
  shell.writeInfo(`********* QUERY **********\n${sql}\n${rule}\n\n`, shell.standard)
}
