/** Options of `new DatabaseSync`: those of node:sqlite that make sense for PostgreSQL, and the connection's own. */
import { type ConnectOptions, type IsolationLevel, ProgrammingError } from '../index.ts'
import { SQLITE_TYPES } from './values.ts'

/** The options that node:sqlite has for a database, and the options for connecting. */
export interface DatabaseSyncOptions {
  /** False: the database is opened only when `open()` is called. Default true. */
  readonly open?: boolean
  /** Refuses every statement that writes. Default false. */
  readonly readOnly?: boolean
  /** Returns integers as bigint in every statement; see `StatementSync.setReadBigInts`. Default false. */
  readonly readBigInts?: boolean
  /** Rows are arrays instead of objects. */
  readonly returnArrays?: boolean
  /** Names of parameters may be given without their `:`, `@` or `$`. */
  readonly allowBareNamedParameters?: boolean
  /** Names that the statement does not have are ignored instead of refused. */
  readonly allowUnknownNamedParameters?: boolean
  /** Milliseconds to wait for a lock; 0 waits for ever. Default: the server's setting. */
  readonly timeout?: number
  /** Isolation level of transactions. Default `serializable`, as SQLite's transactions are. */
  readonly isolationLevel?: IsolationLevel
  /** False: `prepare` does not ask the server, so a wrong statement fails only when it first runs. Default true. */
  readonly checkOnPrepare?: boolean
  /** Sets a savepoint around each statement in a transaction, so that a program can catch an error and go on. Default false. */
  readonly statementSavepoints?: boolean
  /**
   * What happens to names of mixed case that the SQL has without quotes. `'folded'` (default): PostgreSQL folds them, so
   * `createdAt` is the column createdat, and `row.createdAt` is undefined. `'as-written'`: they are quoted before they are
   * sent, so the tables must have these names too; `sqlite-import` creates such tables. `'checked'`: they are folded, and
   * reading `row.createdAt` throws when the row has createdat.
   */
  readonly names?: 'folded' | 'as-written' | 'checked'
  /** Called with each statement of the program, as written, before it runs. better-sqlite3 has this option too. */
  readonly verbose?: ((sql: string) => void) | null
  /** Options for `connect` of syncpg: TLS, password, server settings … */
  readonly connection?: Omit<ConnectOptions, 'autocommit' | 'paramstyle' | 'rowFactory' | 'recordClass' | 'duplicates'>
  /** Only true is allowed: PostgreSQL always enforces foreign keys. */
  readonly enableForeignKeyConstraints?: true
}

/** Options of `prepare`, which node:sqlite has from Node 24 on. The default of each is the database's option. */
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

/** @throws ProgrammingError for an unknown option, or one that is not a boolean. */
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
  ['readonly', 'write readOnly, as in node:sqlite'],
  ['fileMustExist', 'leave it out: databases are created by CREATE DATABASE'],
  ['nativeBinding', 'leave it out: there is no native code'],
  ['allowExtension', 'extensions are created by CREATE EXTENSION'],
  ['enableDoubleQuotedStringLiterals', "PostgreSQL's strings have single quotes, names double ones"],
  ['limits', 'the limits of a server are its settings: statement_timeout, work_mem, temp_file_limit …'],
  ['defensive', 'leave it out: a database cannot be corrupted by SQL'],
])

/** @throws ProgrammingError for an unknown option, or one of the wrong type. */
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

/** Options for `connect`: UTC, because SQLite's times are UTC, and values in the types that SQLite programs know. */
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

/** @throws ProgrammingError for the path of a SQLite file: libpq would read it as the name of a host or a database. */
export function checkDsn(dsn: unknown): string | undefined {
  if (dsn === undefined) return undefined
  if (typeof dsn !== 'string') throw new ProgrammingError(`DatabaseSync: expected a DSN, got ${typeof dsn}`)
  if (dsn.includes('://') || !FILE.test(dsn) || dsn.startsWith('pglite:')) return dsn
  throw new ProgrammingError(`DatabaseSync: '${dsn.slice(0, 40)}' is a SQLite database`, {
    hint: "a server is 'postgres://user@host/database'; a database in a folder 'pglite:./data', in memory 'pglite:'",
  })
}
