/**
 * Adds the error fields that SQLite programs read, beside PostgreSQL's: `code` stays the SQLSTATE, `errcode` and `errstr` are
 * node:sqlite's, and `sqliteCode` is better-sqlite3's `code`. Also adds hints for SQL that only SQLite understands.
 * Source of truth for the numbers: https://www.sqlite.org/rescode.html
 */
import { DbError } from '../index.ts'
import { explain } from '../sqlite-dialect/read-dialect.ts'

/** Fields that an error has in addition to those of every syncpg error. */
export interface SqliteErrorCodes {
  /** SQLite's extended result code, for example 2067 for a unique violation. */
  readonly errcode: number
  /** SQLite's message for that code. */
  readonly errstr: string
  /** The code's name, for example `SQLITE_CONSTRAINT_UNIQUE`. */
  readonly sqliteCode: string
}

type Code = readonly [errcode: number, sqliteCode: string, errstr: string]

const CONSTRAINT = 'constraint failed'
const BUSY = 'database is locked'

/** The codes by SQLSTATE, or by its first two characters. */
const CODES = new Map<string, Code>([
  ['23505', [2067, 'SQLITE_CONSTRAINT_UNIQUE', CONSTRAINT]],
  ['23503', [787, 'SQLITE_CONSTRAINT_FOREIGNKEY', CONSTRAINT]],
  ['23001', [787, 'SQLITE_CONSTRAINT_FOREIGNKEY', CONSTRAINT]],
  ['23502', [1299, 'SQLITE_CONSTRAINT_NOTNULL', CONSTRAINT]],
  ['23514', [275, 'SQLITE_CONSTRAINT_CHECK', CONSTRAINT]],
  ['P0001', [1811, 'SQLITE_CONSTRAINT_TRIGGER', CONSTRAINT]],
  ['23', [19, 'SQLITE_CONSTRAINT', CONSTRAINT]],
  ['55P03', [5, 'SQLITE_BUSY', BUSY]],
  ['40P01', [5, 'SQLITE_BUSY', BUSY]],
  ['40001', [517, 'SQLITE_BUSY_SNAPSHOT', BUSY]],
  ['25006', [8, 'SQLITE_READONLY', 'attempt to write a readonly database']],
  ['57014', [9, 'SQLITE_INTERRUPT', 'interrupted']],
  ['42501', [3, 'SQLITE_PERM', 'access permission denied']],
  ['53100', [13, 'SQLITE_FULL', 'database or disk is full']],
  ['53200', [7, 'SQLITE_NOMEM', 'out of memory']],
  ['54', [18, 'SQLITE_TOOBIG', 'string or blob too big']],
  ['XX001', [11, 'SQLITE_CORRUPT', 'database disk image is malformed']],
  ['28', [14, 'SQLITE_CANTOPEN', 'unable to open database file']],
  ['3D', [14, 'SQLITE_CANTOPEN', 'unable to open database file']],
  ['08', [10, 'SQLITE_IOERR', 'disk I/O error']],
])
const ANY: Code = [1, 'SQLITE_ERROR', 'SQL logic error']

const annotated = new WeakSet<object>()

/**
 * Runs the body of a public method. Its errors get SQLite's codes and a stack that begins at the caller of the method.
 * An error that passes through a callback of the program keeps the codes and the stack that the inner call gave it.
 */
// oxlint-disable-next-line typescript/no-unsafe-function-type -- any method, whatever its parameters.
export function guarded<T>(method: Function, body: () => T): T {
  try {
    return body()
  } catch (error) {
    addSqliteCodes(error)
    if (isOurs(error)) Error.captureStackTrace(error, method)
    restacked.add(error as object)
    throw error
  }
}

const restacked = new WeakSet<object>()

function isOurs(error: unknown): error is Error {
  if (!(error instanceof Error) || restacked.has(error)) return false
  return error instanceof DbError || (error as { code?: unknown }).code === 'ERR_OUT_OF_RANGE'
}

/** Adds SQLite's codes to an error of syncpg, and a hint when a rule of SQLite's dialect explains the error. */
export function addSqliteCodes(error: unknown): void {
  if (!(error instanceof DbError) || annotated.has(error)) return
  annotated.add(error)
  const { sqlstate, query } = error
  if (sqlstate === null) return
  const [errcode, sqliteCode, errstr] = CODES.get(sqlstate) ?? CODES.get(sqlstate.slice(0, 2)) ?? ANY
  define(error, { errcode, errstr, sqliteCode })
  if (query === undefined) return
  const { position, primaryMessage, detail } = error
  const explained = explain({ sqlstate, query, position, message: primaryMessage, detail })
  if (explained === null) return
  const given = error.hint === undefined ? '' : `\nHINT:  ${error.hint}`
  const { message } = error
  // Keep a hint in which the server proposes a name. Its hint about casts is replaced, because it would mislead.
  const hint = error.hint?.startsWith('Perhaps you meant') === true ? `${error.hint}\n${explained}` : explained
  define(error, { hint })
  error.message = `${message.endsWith(given) ? message.slice(0, message.length - given.length) : message}\nHINT:  ${hint}`
}

function define(error: DbError, fields: Readonly<{ [name: string]: unknown }>): void {
  for (const [name, value] of Object.entries(fields)) {
    Object.defineProperty(error, name, { value, enumerable: true, writable: true, configurable: true })
  }
}
