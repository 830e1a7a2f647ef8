/** Shows tables that are taller than the screen with `$PAGER`. */
import { spawnSync } from 'node:child_process'
import { hideStatus } from './output.ts'
import type { Shell } from '../shell.ts'
import type { Write } from '../print/table.ts'

/** Longer output is not kept for the pager: no user would read it all, and the memory is limited. */
const MOST_CHARACTERS = 64 * 1024 * 1024
/** Lines of the screen that the prompt and the statement need. */
const LINES_KEPT = 2

export function pageThrough(shell: Shell, print: (write: Write) => void): void {
  const rows = process.stdout.rows ?? 0
  const pager = process.env['PSQL_PAGER'] ?? process.env['PAGER'] ?? 'less'
  const { pager: mode, pagerMinLines } = shell.print
  if (mode === 'off' || process.stdout.isTTY !== true || rows === 0 || pager.trim() === '') {
    return print(shell.standard.write)
  }
  const pieces: string[] = []
  let characters = 0
  let lines = 0
  let isTooMuch = false
  print((text) => {
    if (isTooMuch) return shell.standard.write(text)
    pieces.push(text)
    characters += text.length
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines += 1
    if (characters <= MOST_CHARACTERS) return
    isTooMuch = true
    for (const piece of pieces.splice(0)) shell.standard.write(piece)
  })
  if (isTooMuch) return
  const text = pieces.join('')
  if (mode !== 'always' && (lines <= rows - LINES_KEPT || lines < pagerMinLines)) return shell.standard.write(text)
  shell.standard.flush()
  hideStatus()
  const env = { LESS: 'FRSX', LESSCHARSET: 'utf-8', ...process.env }
  const { status, error } = spawnSync(pager, { shell: true, input: text, stdio: ['pipe', 'inherit', 'inherit'], env })
  // When there is no pager, the rows are printed directly.
  if (error !== undefined || status === 127) shell.standard.write(text)
}
