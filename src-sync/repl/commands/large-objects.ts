/** Large objects: `\lo_import`, `\lo_export`, `\lo_unlink`. Each moves its data in pieces, in one transaction. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import type { Call } from './command-call.ts'
import { atHome } from './command-text.ts'
import { ShellError, failureText } from '../print/complaint.ts'
import type { Shell } from '../shell.ts'

const PIECE_BYTES = 256 * 1024

/** `\lo_import file [comment]`: creates a large object from a file, and sets LASTOID to its number. */
export function importLargeObject({ shell, words: [given, comment] }: Call): boolean {
  const path = atHome(needed(given, 'lo_import'))
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (failure) {
    const text = failureText(failure as Error)
    shell.writePlacedError(`could not open file "${path}"${text.slice(text.lastIndexOf(': '))}\n`)
    return false
  }
  try {
    const oid = inTransaction(shell, 'lo_import', () => {
      const made = ask(shell, 'select pg_catalog.lo_create(0)::pg_catalog.text', []) as string
      const buffer = Buffer.allocUnsafe(PIECE_BYTES)
      for (let offset = 0, length = readSync(file, buffer); length > 0; length = readSync(file, buffer)) {
        ask(shell, 'select pg_catalog.lo_put($1::pg_catalog.oid, $2::pg_catalog.int8, $3::pg_catalog.bytea)', [
          Number(made),
          offset,
          buffer.subarray(0, length),
        ])
        offset += length
      }
      if (comment !== undefined) {
        const text = comment.replaceAll("'", "''").replaceAll('\\', '\\\\')
        shell.connection.execute(`comment on large object ${made} is E'${text}'`, null, { text: true })
      }
      return made
    })
    shell.variables.set('LASTOID', oid)
    shell.say(`lo_import ${oid}`, shell.output)
    return true
  } finally {
    closeSync(file)
  }
}

/** `\lo_export number file`. */
export function exportLargeObject({ shell, words: [number, path] }: Call): void {
  const oid = numberOf(number, 'lo_export')
  const target = atHome(needed(path, 'lo_export'))
  inTransaction(shell, 'lo_export', () => {
    // The first piece is read before the file is opened, so that a missing large object does not empty the file.
    const get = 'select pg_catalog.lo_get($1::pg_catalog.oid, $2::pg_catalog.int8, $3::pg_catalog.int4)'
    let piece = ask(shell, get, [oid, 0, PIECE_BYTES]) as Uint8Array
    const file = openSync(target, 'w')
    try {
      for (let offset = 0; piece.length > 0; piece = ask(shell, get, [oid, offset, PIECE_BYTES]) as Uint8Array) {
        for (let at = 0; at < piece.length;) at += writeSync(file, piece, at)
        offset += piece.length
      }
    } finally {
      closeSync(file)
    }
  })
  shell.say('lo_export', shell.output)
}

/** `\lo_unlink number`. */
export function unlinkLargeObject({ shell, words: [number] }: Call): void {
  const oid = numberOf(number, 'lo_unlink')
  inTransaction(shell, 'lo_unlink', () => ask(shell, 'select pg_catalog.lo_unlink($1::pg_catalog.oid)', [oid]))
  shell.say(`lo_unlink ${oid}`, shell.output)
}

function ask(shell: Shell, sql: string, parameters: readonly unknown[]): unknown {
  return shell.connection.execute({ sql, parameters }).fetchval()
}

/** Runs in the user's transaction, or in a new one when none is open. */
function inTransaction<Result>(shell: Shell, name: string, body: () => Result): Result {
  const { connection } = shell
  if (connection.info.status === 'failed') throw new ShellError(`\\${name}: current transaction is aborted`)
  const isOwn = connection.info.status === 'idle'
  const send = (sql: string): unknown => connection.execute(sql, null, { text: true })
  if (isOwn) send('begin')
  try {
    const result = body()
    if (isOwn) send('commit')
    return result
  } catch (failure) {
    if (isOwn && !connection.closed) send('rollback')
    throw failure
  }
}

function needed(value: string | undefined, name: string): string {
  if (value === undefined) throw new ShellError(`\\${name}: missing required argument`)
  return value
}

function numberOf(value: string | undefined, name: string): number {
  const text = needed(value, name)
  if (!/^\d+$/.test(text)) throw new ShellError(`\\${name}: "${text}" is not the number of a large object`)
  return Number(text)
}
