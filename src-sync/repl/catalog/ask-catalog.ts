/** Questions to the catalog: values come as the server prints them, so that nothing depends on codecs. */
import { resultTable } from '../statements/execute-sql.ts'
import { type Shell, versionNumber } from '../shell.ts'
import type { Cell, Table } from '../print/table.ts'

/** How a command of the family was called: with `+`, with `S`, with a pattern. */
export interface How {
  readonly isVerbose: boolean
  readonly hasSystem: boolean
  readonly pattern: string | undefined
  /** For the few commands that take two. */
  readonly second?: string | undefined
  /** What stands behind the first: types of arguments. */
  readonly more?: readonly string[]
}

export function askCatalog(shell: Shell, sql: string): Cell[][] {
  echoHidden(shell, sql)
  return shell.connection.execute<Cell[]>(sql, null, { text: true }).fetchall()
}

/** The answer as a table, with a title. */
export function askTable(shell: Shell, sql: string, title: string): Table {
  echoHidden(shell, sql)
  return { ...resultTable(shell.connection.execute(sql, null, { text: true })), title }
}

/** The server's version as a number, 180001 for 18.1. */
export function serverVersion({ connection }: Shell): number {
  return versionNumber(connection.info.serverVersion)
}

/** With ECHO_HIDDEN what the commands ask is shown, for whoever wants to learn from it. */
function echoHidden(shell: Shell, sql: string): void {
  if (!shell.variables.isOn('ECHO_HIDDEN')) return
  const rule = '*'.repeat(26)
  shell.word(`********* QUERY **********\n${sql}\n${rule}\n\n`, shell.standard)
}
