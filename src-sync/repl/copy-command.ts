/** `\copy`: COPY whose file is on this side. */
import { spawnSync } from 'node:child_process'
import { closeSync, fstatSync, openSync } from 'node:fs'
import { SQL_TOKEN, SqlLexer } from '../index.ts'
import type { Call } from './command-call.ts'
import { ShellError } from './complaint.ts'
import { executeSql } from './execute-sql.ts'
import { bytesOf } from './input.ts'

const PLACE = /^\s+(stdin|stdout|pstdin|pstdout|program\s+'(?:[^']|'')*'|'(?:[^']|'')*'|\S+)([^]*)$/i

export function copyCommand({ shell, rest, copyData }: Call): boolean {
  const text = rest.replace(/;\s*$/, '')
  const direction = directionOf(text)
  const [, place = '', options = ''] = PLACE.exec(text.slice(direction?.end)) ?? []
  if (direction === null || place === '') {
    throw new ShellError('\\copy: expected table or (query), then from or to, then a file')
  }
  const what = text.slice(0, direction.start).trim()
  const { isLoading } = direction
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

/** Where `from` or `to` stands: outside the parentheses of a query, which has a `from` of its own. */
function directionOf(text: string): { start: number; end: number; isLoading: boolean } | null {
  const lexer = new SqlLexer(text, true)
  let depth = 0
  for (let token = lexer.next(); token !== SQL_TOKEN.END; token = lexer.next()) {
    if (token === SQL_TOKEN.OTHER && lexer.code === 0x28) depth += 1
    if (token === SQL_TOKEN.OTHER && lexer.code === 0x29) depth -= 1
    if (token !== SQL_TOKEN.IDENTIFIER || depth !== 0) continue
    const { start, end } = lexer
    const word = text.slice(start, end).toLowerCase()
    if (word === 'from' || word === 'to') return { start, end, isLoading: word === 'from' }
  }
  return null
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
