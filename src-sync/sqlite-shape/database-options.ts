/** What `new DatabaseSync` takes: node:sqlite's options, as far as they mean something here, and the connection's own. */
import { type ConnectOptions, type IsolationLevel, ProgrammingError } from '../index.ts'
import { SQLITE_TYPES } from './values.ts'

/** node:sqlite's options of a database, and what connecting takes. */
export interface DatabaseSyncOptions {
  /** False: not before `open()` is called. */
  readonly open?: boolean
  /** Refuse everything that writes. */
  readonly readOnly?: boolean
  /** Integers as bigint in every statement; see `StatementSync.setReadBigInts`. */
  readonly readBigInts?: boolean
  /** Rows are arrays instead of objects. */
  readonly returnArrays?: boolean
  /** Names of parameters may be given without their `:`, `@` or `$`. */
  readonly allowBareNamedParameters?: boolean
  /** Names that the statement does not have are ignored instead of refused. */
  readonly allowUnknownNamedParameters?: boolean
  /** Milliseconds to wait for a lock, 0 for ever; the server's own setting unless given. */
  readonly timeout?: number
  /** Of transactions; `serializable` at first, because SQLite's are. */
  readonly isolationLevel?: IsolationLevel
  /** False: `prepare` asks the server nothing, and what is wrong with a statement is told when it first runs. */
  readonly checkOnPrepare?: boolean
  /** A savepoint around each statement in a transaction, so that an error that is caught does not end it. */
  readonly statementSavepoints?: boolean
  /**
   * Names of mixed case that the SQL has without quotes. `'folded'`, as PostgreSQL reads them: `createdAt` is the column
   * createdat, and `row.createdAt` is undefined. `'as-written'`: they are quoted before they are sent, so the tables must have
   * these names too; `sqlite-import` makes them so. `'checked'`: folded, and reading `row.createdAt` where the row has
   * createdat throws. At first `'folded'`.
   */
  readonly names?: 'folded' | 'as-written' | 'checked'
  /** Called with each statement that the program runs, as it wrote it, before it runs: better-sqlite3's. */
  readonly verbose?: ((sql: string) => void) | null
  /** What `connect` of syncpg takes: TLS, password, server settings … */
  readonly connection?: Omit<ConnectOptions, 'autocommit' | 'paramstyle' | 'rowFactory' | 'recordClass' | 'duplicates'>
  /** Foreign keys are always enforced: true, or nothing. */
  readonly enableForeignKeyConstraints?: true
}

/** What `prepare` takes beside the SQL, as in node:sqlite from Node 24 on; those of the database unless given. */
export type StatementOptions = Pick<
  DatabaseSyncOptions,
  'readBigInts' | 'returnArrays' | 'allowBareNamedParameters' | 'allowUnknownNamedParameters'
>

const STATEMENT_KEYS: readonly string[] = [
  'readBigInts',
  'returnArrays',
  'allowBareNamedParameters',
  'allowUnknownNamedParameters',
]

/** @throws ProgrammingError for an option that is none, or not a boolean. */
export function checkStatementOptions(options: StatementOptions | undefined): StatementOptions {
  if (options === undefined) return {}
  if (typeof options !== 'object' || options === null) {
    throw new ProgrammingError(
      `prepare: options: expected an object, got ${options === null ? 'null' : typeof options}`,
    )
  }
  for (const [key, value] of Object.entries(options)) {
    if (!STATEMENT_KEYS.includes(key)) throw new ProgrammingError(`prepare: there is no option ${key.slice(0, 40)}`)
    if (value !== undefined && typeof value !== 'boolean') {
      throw new ProgrammingError(`prepare: ${key}: expected a boolean, got ${typeof value}`)
    }
  }
  return options
}

const KEYS: Readonly<Record<keyof DatabaseSyncOptions, 'boolean' | 'number' | 'string' | 'object' | 'function'>> = {
  open: 'boolean',
  readOnly: 'boolean',
  readBigInts: 'boolean',
  /** Rows are arrays instead of objects. */
  returnArrays: 'boolean',
  /** Names of parameters may be given without their `:`, `@` or `$`. */
  allowBareNamedParameters: 'boolean',
  /** Names that the statement does not have are ignored instead of refused. */
  allowUnknownNamedParameters: 'boolean',
  timeout: 'number',
  isolationLevel: 'string',
  checkOnPrepare: 'boolean',
  statementSavepoints: 'boolean',
  names: 'string',
  verbose: 'function',
  connection: 'object',
  enableForeignKeyConstraints: 'boolean',
}
const LEVELS: readonly IsolationLevel[] = ['read uncommitted', 'read committed', 'repeatable read', 'serializable']
const NAMES: readonly unknown[] = ['folded', 'as-written', 'checked', undefined]
const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ['readonly', 'it is readOnly here, as in node:sqlite'],
  ['fileMustExist', 'leave it out: databases are made by CREATE DATABASE'],
  ['nativeBinding', 'leave it out: there is no native code'],
  ['allowExtension', 'extensions of PostgreSQL are made by CREATE EXTENSION'],
  ['enableDoubleQuotedStringLiterals', "PostgreSQL's strings have single quotes, names double ones"],
  ['limits', 'the limits of a server are its settings: statement_timeout, work_mem, temp_file_limit …'],
  ['defensive', 'leave it out: a database cannot be corrupted by SQL'],
])

/** @throws ProgrammingError for an option that is none, or of the wrong type. */
export function checkOptions(options: DatabaseSyncOptions): DatabaseSyncOptions {
  for (const [key, value] of Object.entries(options)) {
    const type = Object.hasOwn(KEYS, key) ? KEYS[key as keyof DatabaseSyncOptions] : null
    if (type === null) {
      const hint = OTHER_NAMES.get(key) ?? "the connection's own options go into { connection: { … } }"
      throw new ProgrammingError(`DatabaseSync: there is no option ${key.slice(0, 40)}`, { hint })
    }
    if (key === 'verbose' && value === null) continue
    if (value !== undefined && typeof value !== type) {
      throw new ProgrammingError(`DatabaseSync: ${key}: expected a ${type}, got ${typeof value}`)
    }
  }
  if ((options.enableForeignKeyConstraints as boolean | undefined) === false) {
    throw new ProgrammingError('DatabaseSync: foreign keys are always enforced by PostgreSQL')
  }
  if (options.isolationLevel !== undefined && !LEVELS.includes(options.isolationLevel)) {
    throw new ProgrammingError(`DatabaseSync: isolationLevel: expected one of ${LEVELS.join(', ')}`)
  }
  if (!NAMES.includes(options.names)) {
    throw new ProgrammingError("DatabaseSync: names: expected 'folded', 'as-written' or 'checked'")
  }
  if (options.timeout !== undefined && !(Number.isSafeInteger(options.timeout) && options.timeout >= 0)) {
    throw new ProgrammingError('DatabaseSync: timeout: expected milliseconds, a whole number from 0')
  }
  return options
}

function typesOver(types: ConnectOptions['types']): ConnectOptions['types'] {
  return typeof types === 'object' || types === undefined ? { ...(SQLITE_TYPES as object), ...types } : types
}

/** The options of the connection: UTC, as SQLite's times are, and types that come out as SQLite programs know them. */
export function connectionOptions(options: DatabaseSyncOptions): ConnectOptions {
  const { connection = {}, readOnly, timeout } = options
  return {
    ...connection,
    autocommit: true,
    paramstyle: 'sqlite',
    types: typesOver(connection.types),
    serverSettings: {
      TimeZone: 'UTC',
      ...(readOnly === true ? { default_transaction_read_only: true } : {}),
      ...(timeout === undefined ? {} : { lock_timeout: timeout }),
      ...connection.serverSettings,
    },
  }
}

const FILE = /^:memory:$|^file:|^[^=]*\.(db|db3|sqlite|sqlite3)$/i

/** @throws ProgrammingError for the name of a SQLite database: it would be an unknown host, or worse, a name of one. */
export function checkDsn(dsn: unknown): string | undefined {
  if (dsn === undefined) return undefined
  if (typeof dsn !== 'string') throw new ProgrammingError(`DatabaseSync: expected a DSN, got ${typeof dsn}`)
  if (dsn.includes('://') || !FILE.test(dsn) || dsn.startsWith('pglite:')) return dsn
  throw new ProgrammingError(`DatabaseSync: '${dsn.slice(0, 40)}' is a database of SQLite's`, {
    hint: "a server is 'postgres://user@host/database'; a database in a folder 'pglite:./data', in memory 'pglite:'",
  })
}
