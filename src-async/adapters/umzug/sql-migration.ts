/** Migrations that are SQL files. An error names its line and column in the file. */
import { readFileSync } from 'node:fs'
import { DbError, ProgrammingError, type SplitStatement, splitStatements } from '../../index.ts'
import { type MigrationConnection, isBlocking, requireAutocommit } from './storage.ts'

/** The argument that umzug gives to `resolve`. */
export interface SqlMigrationParameters {
  readonly name: string
  /** The path of the file. */
  readonly path?: string | undefined
  /** The connection, as umzug's `context`. */
  readonly context: MigrationConnection
}

/** A migration that umzug runs. */
export interface SqlMigration {
  readonly name: string
  /** Runs the file. */
  readonly up: () => Promise<void>
  /** Runs the file beside it whose name ends in `.down.sql`. */
  readonly down: () => Promise<void>
}

const NO_TRANSACTION = /^\s*--\s*no transaction\b/i

/**
 * `resolve` for umzug. The file runs in one transaction. If its first line is `-- no transaction`, its statements run
 * one by one without a transaction; `create index concurrently` needs that. `x.down.sql` undoes `x.sql` or `x.up.sql`.
 * The file may contain COPY commands with their data. An error's message begins with `file:line:column`, and it is the
 * `cause` of umzug's own error.
 * @example
 *   const migrations = { glob: ['*.sql', { cwd: 'migrations', ignore: '*.down.sql' }], resolve: sqlMigration }
 */
export function sqlMigration({ name, path, context }: SqlMigrationParameters): SqlMigration {
  if (path === undefined) throw new ProgrammingError(`sqlMigration: ${name} has no path: it is for files of SQL`)
  requireAutocommit(context)
  return {
    name,
    up: () => runFile(context, path),
    down: () => runFile(context, path.replace(/(?:\.up)?\.sql$/i, '.down.sql')),
  }
}

async function runFile(connection: MigrationConnection, file: string): Promise<void> {
  const sql = readFileSync(file, 'utf8').replace(/^\uFEFF/, '')
  const hasTransaction = !NO_TRANSACTION.test(sql)
  // Most files are sent to the server as a whole. A file with the data of COPY has to be split first.
  const isWhole = hasTransaction && !/\bfrom\s+stdin\b/i.test(sql)
  const statements = isWhole ? [{ sql, offset: 0, line: 1, copyData: null }] : splitStatements(sql)
  const place = new Place(file, sql)
  if (isBlocking(connection)) {
    const run = (): void => {
      for (const statement of statements) place.within(statement, () => runNow(connection, statement))
    }
    if (hasTransaction) connection.transaction(run)
    else run()
    return
  }
  const lent = 'acquire' in connection ? await connection.acquire() : connection
  const run = async (): Promise<void> => {
    for (const statement of statements) {
      const { sql: text, copyData } = statement
      try {
        await (copyData === null ? lent.execute(text) : lent.copy(text, { source: [copyData] }))
      } catch (error) {
        throw place.withPlace(error, statement)
      }
    }
  }
  try {
    await (hasTransaction ? lent.transaction(run) : run())
  } finally {
    if ('acquire' in connection) await connection.release(lent)
  }
}

function runNow(
  connection: Extract<MigrationConnection, { autocommit: boolean }>,
  { sql, copyData }: SplitStatement,
): void {
  if (copyData === null) connection.execute(sql)
  else connection.cursor().copy(sql, (copy) => copy.write(copyData))
}

/** Puts the file, line and column in front of an error's message. */
class Place {
  readonly #file: string
  readonly #text: string

  constructor(file: string, text: string) {
    this.#file = file
    this.#text = text
  }

  within(statement: SplitStatement, body: () => void): void {
    try {
      body()
    } catch (error) {
      throw this.withPlace(error, statement)
    }
  }

  withPlace(error: unknown, { offset, line }: SplitStatement): unknown {
    if (!(error instanceof DbError)) return error
    const inStatement = error.line ?? 1
    const before = inStatement === 1 ? this.#text.slice(this.#text.lastIndexOf('\n', offset - 1) + 1, offset) : ''
    const column = (error.column ?? 1) + (offset === 0 ? 0 : [...before].length)
    error.message = `${this.#file}:${line + inStatement - 1}:${column}: ${error.message}`
    return error
  }
}
