/** `\copy`: COPY whose file is on this side. */
import { spawnSync } from 'node:child_process'
import { closeSync, fstatSync, openSync } from 'node:fs'
import type { Call } from './command-call.ts'
import { ShellError } from './complaint.ts'
import { executeSql } from './execute-sql.ts'
import { bytesOf } from './input.ts'

const PARTS =
  /^\s*(?<what>[^]+?)\s+(?<direction>from|to)\s+(?<place>stdin|stdout|pstdin|pstdout|program\s+'(?:[^']|'')*'|'(?:[^']|'')*'|\S+)(?<options>[^]*)$/i

export function copyCommand({ shell, rest, copyData }: Call): boolean {
  const parts = PARTS.exec(rest.replace(/;\s*$/, ''))?.groups
  if (parts === undefined) throw new ShellError('\\copy: expected table or (query), then from or to, then a file')
  const { what = '', direction = '', place = '', options = '' } = parts
  const isLoading = direction.toLowerCase() === 'from'
  const sql = `COPY ${what} ${isLoading ? 'FROM STDIN' : 'TO STDOUT'}${options}`
  const word = place.toLowerCase()
  if (word === 'stdin' || word === 'stdout') return executeSql(shell, { sql, copyData })
  if (word === 'pstdin') return executeSql(shell, { sql, copyData: () => bytesOf(0) })
  if (word === 'pstdout') return executeSql(shell, { sql, copyData })
  const program = /^program\s+('[^]*)$/i.exec(place)?.[1]
  if (program !== undefined) return copyProgram({ shell, sql, command: unquote(program), isLoading })
  const path = unquote(place)
  if (!isLoading) return executeSql(shell, { sql, copyData, use: { target: path } })
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    return executeSql(shell, { sql, copyData: () => bytesOf(file), ...(size > 0 ? { copySize: size } : {}) })
  } finally {
    closeSync(file)
  }
}

interface ProgramCopy {
  readonly shell: Call['shell']
  readonly sql: string
  readonly command: string
  readonly isLoading: boolean
}

function copyProgram({ shell, sql, command, isLoading }: ProgramCopy): boolean {
  if (!isLoading) return executeSql(shell, { sql, copyData: () => [], use: { target: `|${command}` } })
  const { stdout, status } = spawnSync(command, {
    shell: true,
    stdio: ['inherit', 'pipe', 'inherit'],
    maxBuffer: 2 ** 30,
  })
  if (status !== 0) throw new ShellError(`${command}: child process exited with exit code ${status}`)
  return executeSql(shell, { sql, copyData: () => [stdout] })
}

function unquote(text: string): string {
  return text.startsWith("'") ? text.slice(1, -1).replaceAll("''", "'") : text
}
