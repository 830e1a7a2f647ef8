/** Questions to the catalog: values come as the server prints them, so that nothing depends on codecs. */
import { resultTable } from './execute-sql.ts'
import type { Shell } from './shell.ts'
import type { Cell, Table } from './table.ts'

/** How a command of the family was called: with `+`, with `S`, with a pattern. */
export interface How {
  readonly isVerbose: boolean
  readonly hasSystem: boolean
  readonly pattern: string | undefined
}

export function askCatalog(shell: Shell, sql: string): Cell[][] {
  return shell.connection.execute<Cell[]>(sql, null, { text: true }).fetchall()
}

/** The answer as a table, with a title. */
export function askTable(shell: Shell, sql: string, title: string): Table {
  return { ...resultTable(shell.connection.execute(sql, null, { text: true })), title }
}

/** The server's version as a number, 180001 for 18.1. */
export function serverVersion({ connection }: Shell): number {
  const [major = '0', minor = '0'] = /^(\d+)(?:\.(\d+))?/.exec(connection.info.serverVersion)?.slice(1) ?? []
  return Number(major) * 10_000 + Number(minor ?? 0)
}
