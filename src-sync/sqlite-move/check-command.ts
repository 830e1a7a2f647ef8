/** `syncpg sqlite-check`: lists the places in SQL files and programs where SQLite's SQL differs from PostgreSQL's. */
import { readFileSync } from 'node:fs'
import { extname } from 'node:path'
import { parseArgs } from 'node:util'
import type { DialectRule } from '../sqlite-dialect/dialect-rule.ts'
import { findDialect } from '../sqlite-dialect/read-dialect.ts'
import { statementsOf } from '../sqlite-dialect/sqlite-text.ts'
import { type SqlPiece, sqlInSource } from './sql-in-source.ts'
import { MoveError } from './usage-error.ts'

const CHECK_USAGE = `syncpg sqlite-check reads SQL that was written for SQLite and says what becomes of it in PostgreSQL.

Usage:
  syncpg sqlite-check [option]... file...

A file may be SQL (schema.sql; - is the standard input), or a program (.js .mjs .cjs .jsx .ts .mts .cts .tsx),
whose strings and templates are read where they begin as a statement does.

  --ignore=RULE   leave a rule out; repeatable
  --fails         only what fails; not what differs without an error
  --all           all places of each rule, not only the first ten
  --json          one JSON object a finding, a line each: file, line, column, effect, rule, says
  -?, --help

Nothing is connected to and nothing is changed. The text alone does not tell everything: types of columns, for instance,
are known to the server only.

Exit status: 0 nothing that fails was found, 1 something was, 2 a file or an option is wrong.
`

/** The report shows this many places of each rule, unless `--all` is given. */
const MOST_PLACES = 10

interface Finding {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly rule: DialectRule
  /** The line of the file. */
  readonly text: string
}

/** Where a command writes its report. */
export interface CommandOutput {
  readonly write: (text: string) => void
}

/** @returns the exit status. @throws MoveError for wrong options and for files that cannot be read. */
export function runCheck(words: readonly string[], output: CommandOutput): number {
  const { values, positionals } = readOptions(words)
  if (values.help === true) {
    output.write(CHECK_USAGE)
    return 0
  }
  if (positionals.length === 0) throw new MoveError('no file was given: syncpg sqlite-check schema.sql src/*.js')
  const ignored = new Set(values.ignore)
  let statementCount = 0
  const findings: Finding[] = []
  for (const file of positionals) {
    const source = readSource(file)
    const pieces = isProgram(file) ? sqlInSource(source) : [{ sql: source, offset: 0 }]
    for (const { sql } of pieces) statementCount += statementsOf(sql).length
    findings.push(...findingsOf(file, source, pieces))
  }
  const shown = findings.filter(
    ({ rule: { name, effect } }) => !ignored.has(name) && (effect === 'fails' || values.fails !== true),
  )
  if (values.json === true) writeJson(shown, output)
  else {
    const most = values.all === true ? Infinity : MOST_PLACES
    writeReport(shown, { statementCount, fileCount: positionals.length, most }, output)
  }
  return shown.some(({ rule }) => rule.effect === 'fails') ? 1 : 0
}

// oxlint-disable-next-line typescript/explicit-function-return-type -- parseArgs derives it from the options.
function readOptions(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        ignore: { type: 'string', multiple: true },
        fails: { type: 'boolean' },
        all: { type: 'boolean' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: '?' },
      },
    })
  } catch (error) {
    throw new MoveError((error as Error).message, { cause: error })
  }
}

function readSource(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8').replace(/^\uFEFF/, ' ')
  } catch (error) {
    throw new MoveError(`${file} cannot be read: ${(error as Error).message}`, { cause: error })
  }
}

function isProgram(file: string): boolean {
  return /^\.[mc]?[jt]sx?$/.test(extname(file))
}

function findingsOf(file: string, source: string, pieces: readonly SqlPiece[]): Finding[] {
  const lineStarts = [0]
  for (let at = source.indexOf('\n'); at >= 0; at = source.indexOf('\n', at + 1)) lineStarts.push(at + 1)
  return pieces.flatMap(({ sql, offset }) =>
    findDialect(sql).map((found) => {
      const at = offset + found.offset
      const line = lineAt(lineStarts, at)
      const start = lineStarts[line]!
      return {
        file,
        line: line + 1,
        column: at - start + 1,
        rule: found.rule,
        text: source.slice(start, (lineStarts[line + 1] ?? source.length + 1) - 1),
      }
    }),
  )
}

/** The index of the last line that begins at or before an offset. */
function lineAt(starts: readonly number[], offset: number): number {
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (starts[middle]! <= offset) low = middle
    else high = middle - 1
  }
  return low
}

function writeJson(findings: readonly Finding[], output: CommandOutput): void {
  for (const { file, line, column, rule } of findings) {
    const { name, effect, says } = rule
    output.write(`${JSON.stringify({ file, line, column, effect, rule: name, says })}\n`)
  }
}

/** Groups the places by rule, so that each advice is printed once. Rules whose places fail come first. */
function writeReport(
  findings: readonly Finding[],
  counts: { readonly statementCount: number; readonly fileCount: number; readonly most: number },
  output: CommandOutput,
): void {
  const rules = [...groupByRule(findings)].toSorted(
    ([a], [b]) => Number(b.effect === 'fails') - Number(a.effect === 'fails'),
  )
  for (const [rule, places] of rules) {
    output.write(`${rule.effect}: ${rule.says} [${rule.name}]\n`)
    for (const { file, line, column, text } of places.slice(0, counts.most)) {
      output.write(`  ${file}:${line}:${column}  ${shortened(text, column)}\n`)
    }
    if (places.length > counts.most) output.write(`  and ${places.length - counts.most} more (--all)\n`)
    output.write('\n')
  }
  const failing = findings.filter(({ rule }) => rule.effect === 'fails').length
  const read = `${counted(counts.statementCount, 'statement')} in ${counted(counts.fileCount, 'file')}`
  output.write(
    `${read}: ${counted(failing, 'place')} that will fail, ${findings.length - failing} that will differ without an error\n`,
  )
}

function groupByRule(findings: readonly Finding[]): Map<DialectRule, Finding[]> {
  const groups = new Map<DialectRule, Finding[]>()
  for (const finding of findings) {
    const group = groups.get(finding.rule)
    if (group === undefined) groups.set(finding.rule, [finding])
    else group.push(finding)
  }
  return groups
}

function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`
}

/** The part of a line around a column, because a minified program has only one line. */
function shortened(line: string, column: number): string {
  if (line.length <= 100) return line.trim()
  const start = Math.max(0, column - 30)
  return `${start > 0 ? '…' : ''}${line.slice(start, start + 90).trim()}${start + 90 < line.length ? '…' : ''}`
}
