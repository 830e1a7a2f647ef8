/** Migrations that are SQL files. An error names its line and column in the file. */
import { readFileSync } from 'node:fs'
import { DbError, ProgrammingError, type SplitStatement, splitStatements } from '../../index.ts'
import { restoreSettings, sessionSettings } from './session-settings.ts'
import { type MigrationConnection, isBlocking, requireOwnTransactions } from './storage.ts'

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
/** Begins or ends a transaction. `rollback to` a savepoint does not. Comments may stand before it. */
const TRANSACTION_CONTROL =
  /^(?:\s|--.*|\/\*[^]*?\*\/)*(begin|commit|end|abort|start\s+transaction|prepare\s+transaction|rollback(?!\s+(?:(?:work|transaction)\s+)?to\b))\b/i

/**
 * `resolve` for umzug. The file runs in one transaction. If its first line is `-- no transaction`, its statements run
 * one by one without a transaction; `create index concurrently` needs that. `x.down.sql` undoes `x.sql` or `x.up.sql`.
 * The file may contain COPY commands with their data. A file in a transaction may not begin or end one: it is refused
 * before anything runs. Settings that the file changes in the session (`set search_path`, `set role`) are restored
 * after it. An error's message begins with `file:line:column`, and it is the `cause` of umzug's own error.
 * @example
 *   const migrations = { glob: ['*.sql', { cwd: 'migrations', ignore: '*.down.sql' }], resolve: sqlMigration }
 */
export function sqlMigration({ name, path, context }: SqlMigrationParameters): SqlMigration {
  if (path === undefined) throw new ProgrammingError(`sqlMigration: ${name} has no path: it is for files of SQL`)
  requireOwnTransactions(context)
  return {
    name,
    up: () => runFile(context, path),
    down: () => runFile(context, path.replace(/(?:\.up)?\.sql$/i, '.down.sql')),
  }
}

async function runFile(connection: MigrationConnection, file: string): Promise<void> {
  const sql = readFileSync(file, 'utf8').replace(/^\uFEFF/, '')
  const hasTransaction = !NO_TRANSACTION.test(sql)
  const place = new Place(file, sql)
  const split = place.within(WHOLE, () => splitStatements(sql))
  if (hasTransaction) for (const statement of split) place.within(statement, () => requireNoControl(statement))
  // Most files are sent to the server unchanged. A file that contains data of COPY cannot be, because the data is not
  // SQL.
  const isWhole = hasTransaction && split.every(({ copyData }) => copyData === null)
  const statements = isWhole ? [{ ...WHOLE, sql }] : split
  if (isBlocking(connection)) {
    await keepingSettings(connection, async () => {
      const run = (): void => {
        for (const statement of statements) place.within(statement, () => runNow(connection, statement))
      }
      if (hasTransaction) connection.transaction(run)
      else run()
    })
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
    await keepingSettings(lent, () => (hasTransaction ? lent.transaction(run) : run()))
  } finally {
    if ('acquire' in connection) await connection.release(lent)
  }
}

const WHOLE: SplitStatement = { sql: '', offset: 0, line: 1, copyData: null }

/** Runs `body`, and then restores the settings of the session. If `body` fails, its error is thrown. */
async function keepingSettings(
  session: Parameters<typeof sessionSettings>[0],
  body: () => Promise<void>,
): Promise<void> {
  const before = await sessionSettings(session)
  try {
    await body()
  } catch (error) {
    await restoreSettings(session, before).catch(() => {})
    throw error
  }
  await restoreSettings(session, before)
}

function requireNoControl({ sql }: SplitStatement): void {
  const command = TRANSACTION_CONTROL.exec(sql)?.[1]
  if (command === undefined) return
  throw new ProgrammingError(
    `sqlMigration: the file contains ${command}, but it runs in one transaction: nothing of it was run`,
    {
      hint: 'leave begin and commit out. Or make `-- no transaction` the first line: the file then runs statement by statement, with its own transactions',
    },
  )
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

  within<T>(statement: SplitStatement, body: () => T): T {
    try {
      return body()
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
