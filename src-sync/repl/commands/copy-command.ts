/** `\copy`: a COPY whose file is on the client's side. */
import { closeSync, fstatSync, openSync } from 'node:fs'
import { SQL_TOKEN, SqlLexer } from '../../index.ts'
import { ChildPipe, describeExit } from '../io/child-pipe.ts'
import type { Call } from './command-call.ts'
import { atHome } from './command-text.ts'
import { ShellError } from '../print/complaint.ts'
import { NO_COPY_DATA, copySourceOf } from '../statements/copy-source.ts'
import { executeSql } from '../statements/execute-sql.ts'
import { bytesOf } from '../io/input.ts'

const PLACE = /^\s+(stdin|stdout|pstdin|pstdout|program\s+'(?:[^']|'')*'|'(?:[^']|'')*'|\S+)([^]*)$/i

export function copyCommand({ shell, rest, copySource }: Call): boolean {
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
  if (word === 'stdin' || word === 'stdout') return executeSql(shell, { sql, copySource })
  if (word === 'pstdin') return executeSql(shell, { sql, copySource: shell.standardInput.copySource })
  if (word === 'pstdout') return executeSql(shell, { sql, copySource })
  const program = /^program\s+('[^]*)$/i.exec(place)?.[1]
  if (program !== undefined) return copyProgram({ shell, sql, command: unquote(program), isLoading })
  const path = atHome(unquote(place))
  if (!isLoading) return executeSql(shell, { sql, copySource: NO_COPY_DATA, use: { target: path } })
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    return executeSql(shell, { sql, copySource: copySourceOf(file), ...(size > 0 ? { copySize: size } : {}) })
  } finally {
    closeSync(file)
  }
}

/** Finds `from` or `to` outside parentheses, because the query of a COPY may contain a `from`. */
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

/** Runs a COPY with a program. When the program fails, its output is incomplete, so nothing is loaded. */
function copyProgram({ shell, sql, command, isLoading }: ProgramCopy): boolean {
  if (!isLoading)
    return executeSql(shell, { sql, copySource: NO_COPY_DATA, use: { target: `|${command}`, mustSucceed: true } })
  const child = ChildPipe.readingFrom(command)
  function* read(): Generator<Uint8Array, void, undefined> {
    yield* bytesOf(child.file)
    const status = child.close()
    if (status !== 0) throw new ShellError(`${command}: ${describeExit(status)}`)
  }
  try {
    return executeSql(shell, { sql, copySource: { read, skip() {} } })
  } finally {
    child.close()
  }
}

function unquote(text: string): string {
  return text.startsWith("'") ? text.slice(1, -1).replaceAll("''", "'") : text
}
