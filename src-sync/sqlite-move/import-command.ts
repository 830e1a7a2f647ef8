/** `syncpg sqlite-import`: reads the options, opens the transaction, shows the progress and prints the report. */
import { isatty } from 'node:tty'
import { parseArgs } from 'node:util'
import { type Connection, connect } from '../index.ts'
import type { CommandOutput } from './check-command.ts'
import { namingOf } from './import-names.ts'
import { type SqliteFile, openSqlite } from './open-sqlite.ts'
import { readSchema } from './read-schema.ts'
import { type ImportReport, ImportRun } from './run-import.ts'
import { MoveError } from './usage-error.ts'

const IMPORT_USAGE = `syncpg sqlite-import moves a database of SQLite into PostgreSQL: tables, rows, keys, indexes, checks and views.

Usage:
  syncpg sqlite-import [option]... file.db [connection string]

Without a connection string the PG* variables say where. All is one transaction: at the first error nothing was done.
Tables that are there already are never touched.

  --dry-run               do all of it, report, and take it back
  --sql                   print the statements, too
  --schema=NAME           into this schema, which is made where it is not there
  --lower-case            all names in lower case; else names stay as written, those in capitals become lower case
  --type=TABLE.COLUMN=TYPE  the type of a column; repeatable
  --strip-zeros           leave characters U+0000 out, which PostgreSQL's text cannot hold
  -q, --quiet             no progress
  -?, --help

Reads with node:sqlite (Node 22.13 and later), or with better-sqlite3 where it is installed.

Exit status: 0 all was moved; 1 all rows were moved, but something could not be made, or gives other results than in SQLite (the
report says what); 2 nothing was done.
`
const PROGRESS_EVERY_MS = 100

/** Thrown at the end of a dry run, so that the transaction is rolled back. */
class DryRunEnd extends Error {}

/** @returns the exit status. @throws MoveError and errors of the server; the database is unchanged then. */
export async function runImport(words: readonly string[], output: CommandOutput): Promise<number> {
  const { values, positionals } = readOptions(words)
  if (values.help === true) {
    output.write(IMPORT_USAGE)
    return 0
  }
  const [path, dsn, ...more] = positionals
  if (path === undefined || more.length > 0) {
    throw new MoveError('expected a file and a connection string: syncpg sqlite-import app.db postgres://localhost/app')
  }
  const types = readTypes(values.type ?? [])
  const file = await openSqlite(path)
  const progress = new Progress(values.quiet === true)
  try {
    const schema = readSchema(file)
    checkTypes(types, schema.tables)
    const connection = dsn === undefined ? connect({ autocommit: true }) : connect(dsn, { autocommit: true })
    try {
      const options = {
        naming: namingOf(values['lower-case'] === true),
        schema: values.schema ?? null,
        types,
        stripsZeros: values['strip-zeros'] === true,
        onRows: progress.show,
      }
      const isDry = values['dry-run'] === true
      const report = inOneTransaction(file, connection, { options, schema, isDry })
      progress.hide()
      writeReport(report, { isDry, showsSql: values.sql === true }, output)
      return report.missing.length + report.differing.length > 0 ? 1 : 0
    } finally {
      connection[Symbol.dispose]()
    }
  } finally {
    progress.hide()
    file.close()
  }
}

function inOneTransaction(
  file: SqliteFile,
  connection: Connection,
  {
    options,
    schema,
    isDry,
  }: {
    readonly options: ConstructorParameters<typeof ImportRun>[2]
    readonly schema: ReturnType<typeof readSchema>
    readonly isDry: boolean
  },
): ImportReport {
  const run = new ImportRun(file, connection, options)
  try {
    connection.transaction(() => {
      run.run(schema)
      if (isDry) throw new DryRunEnd()
    })
  } catch (error) {
    if (!(error instanceof DryRunEnd)) throw error
  }
  return run.report
}

// oxlint-disable-next-line typescript/explicit-function-return-type -- parseArgs derives it from the options.
function readOptions(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        'dry-run': { type: 'boolean' },
        sql: { type: 'boolean' },
        schema: { type: 'string' },
        'lower-case': { type: 'boolean' },
        type: { type: 'string', multiple: true },
        'strip-zeros': { type: 'boolean' },
        quiet: { type: 'boolean', short: 'q' },
        help: { type: 'boolean', short: '?' },
      },
    })
  } catch (error) {
    throw new MoveError((error as Error).message, { cause: error })
  }
}

function readTypes(given: readonly string[]): Map<string, string> {
  return new Map(
    given.map((text) => {
      const found = /^([^=]+\.[^=]+)=([\w ]+(?:\(\d+(?:, ?\d+)?\))?(?: with(?:out)? time zone)?(?:\[\])?)$/.exec(text)
      if (found === null) throw new MoveError(`--type=${text.slice(0, 80)}: expected table.column=type`)
      return [found[1]!, found[2]!]
    }),
  )
}

function checkTypes(types: ReadonlyMap<string, string>, tables: ReturnType<typeof readSchema>['tables']): void {
  const known = new Set(tables.flatMap(({ name, columns }) => columns.map((column) => `${name}.${column.name}`)))
  for (const name of types.keys()) {
    if (!known.has(name)) throw new MoveError(`--type: the file has no column ${name}`)
  }
}

function writeReport(
  { tables, changed, missing, differing, statements }: ImportReport,
  { isDry, showsSql }: { readonly isDry: boolean; readonly showsSql: boolean },
  output: CommandOutput,
): void {
  if (showsSql) output.write(`${statements.map((sql) => `${sql};\n`).join('')}\n`)
  const width = Math.max(0, ...tables.map(({ name }) => name.length))
  for (const { name, rows } of tables) output.write(`${name.padEnd(width)}  ${rows} ${rows === 1 ? 'row' : 'rows'}\n`)
  writeList('changed', changed, output)
  writeList('could not be created', missing, output)
  writeList('created, but gives other results than in SQLite', differing, output)
  output.write(isDry ? '\nThis was a dry run: all changes were rolled back.\n' : '\nDone.\n')
}

function writeList(title: string, items: readonly string[], output: CommandOutput): void {
  if (items.length > 0) output.write(`\n${title}:\n${items.map((item) => `  ${item}\n`).join('')}`)
}

/** Shows the progress in one line on a terminal; elsewhere it writes nothing. */
class Progress {
  readonly #isShown: boolean
  #shownMs = 0
  #isThere = false

  constructor(isQuiet: boolean) {
    this.#isShown = !isQuiet && isatty(2)
  }

  readonly show = (table: string, count: number, total: number): void => {
    const nowMs = performance.now()
    if (!this.#isShown || nowMs - this.#shownMs < PROGRESS_EVERY_MS) return
    this.#shownMs = nowMs
    this.#isThere = true
    process.stderr.write(`\r\u001B[K${table}: ${count} of ${total} rows`)
  }

  readonly hide = (): void => {
    if (this.#isThere) process.stderr.write('\r\u001B[K')
    this.#isThere = false
  }
}
