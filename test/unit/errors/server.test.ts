import { describe, expect, test } from 'vitest'
import { InvalidCachedStatementError, QueryTimeoutError } from '../../../src-async/errors/client-errors.ts'
import { errorFromServer, registerSqlstate, warningFromServer } from '../../../src-async/errors/server-error.ts'
import { sqlstateErrors, sqlstateWarnings } from '../../../src-async/errors/sqlstate-tables.ts'
import {
  DuplicateTableError,
  IntegrityConstraintViolationError,
  NoData,
  PostgresWarning,
  QueryCanceledError,
  SyntaxOrAccessError,
  UndefinedColumnError,
  UniqueViolationError,
} from '../../../src-async/errors/sqlstates.ts'
import {
  DatabaseError,
  DataError,
  DbError,
  IntegrityError,
  InternalError,
  NotSupportedError,
  OperationalError,
  PostgresLogMessage,
  ProgrammingError,
  Warning,
} from '../../../src-async/errors/tree.ts'

const fields = (sqlstate: string, more: object = {}) => ({ severity: 'ERROR', sqlstate, message: 'it failed', ...more })

describe('the class of a server error', () => {
  test.each(sqlstateErrors().map(([code, errorClass]) => [code, errorClass.name, errorClass] as const))(
    '%s is %s, keeps its code and is a DatabaseError',
    (code, name, errorClass) => {
      const error = errorFromServer(fields(code))
      expect(error.constructor).toBe(errorClass)
      expect(error).toBeInstanceOf(DatabaseError)
      expect([error.sqlstate, error.code, error.pgcode, error.name]).toEqual([code, code, code, name])
      expect(error.stack).toMatch(new RegExp(`^${name}: it failed\\n`))
    },
  )

  test.each([
    ['03000', ProgrammingError],
    ['08006', OperationalError],
    ['09000', DatabaseError],
    ['0A000', NotSupportedError],
    ['0LP01', ProgrammingError],
    ['10608', ProgrammingError],
    ['21000', ProgrammingError],
    ['22012', DataError],
    ['23505', IntegrityError],
    ['24000', InternalError],
    ['25P02', InternalError],
    ['26000', ProgrammingError],
    ['28P01', OperationalError],
    ['2BP01', InternalError],
    ['2D000', InternalError],
    ['2F005', OperationalError],
    ['34000', ProgrammingError],
    ['38001', OperationalError],
    ['39P01', OperationalError],
    ['3B001', OperationalError],
    ['3D000', OperationalError],
    ['40001', OperationalError],
    ['42601', ProgrammingError],
    ['44000', ProgrammingError],
    ['53300', OperationalError],
    ['54001', OperationalError],
    ['55P03', OperationalError],
    ['57014', OperationalError],
    ['58030', OperationalError],
    ['72000', OperationalError],
    ['F0001', OperationalError],
    ['HV005', OperationalError],
    ['P0001', ProgrammingError],
    ['XX001', InternalError],
  ])('%s extends its class of PEP 249', (code, pepClass) => {
    expect(errorFromServer(fields(code))).toBeInstanceOf(pepClass)
  })

  test('an unknown code of a known class gets the class, and keeps its code', () => {
    const error = errorFromServer(fields('23ZZ9'))
    expect(error.constructor).toBe(IntegrityConstraintViolationError)
    expect(error.sqlstate).toBe('23ZZ9')
    expect(errorFromServer(fields('42ZZZ')).constructor).toBe(SyntaxOrAccessError)
    expect(errorFromServer(fields('10ZZZ')).constructor).toBe(ProgrammingError)
  })

  test('a code of an unknown class is a DatabaseError that keeps it', () => {
    const error = errorFromServer(fields('ZZ123'))
    expect([error.constructor, error.sqlstate]).toEqual([DatabaseError, 'ZZ123'])
  })

  test('a registered class is used for its code, and only for it', () => {
    class OutOfStock extends DatabaseError {}
    registerSqlstate('MY001', OutOfStock)
    expect(errorFromServer(fields('MY001'))).toBeInstanceOf(OutOfStock)
    expect(errorFromServer(fields('MY001')).name).toBe('OutOfStock')
    expect(errorFromServer(fields('MY002')).constructor).toBe(DatabaseError)
  })

  test('a registration that could never be met is refused', () => {
    expect(() => registerSqlstate('my001', DatabaseError)).toThrow(ProgrammingError)
    expect(() => registerSqlstate('MY003', TypeError as never)).toThrow(ProgrammingError)
  })

  test('a stale plan is recognized by the routine, in any language', () => {
    const stale = fields('0A000', { serverSourceFunction: 'RevalidateCachedQuery', message: 'zwischengespeichert' })
    expect(errorFromServer(stale)).toBeInstanceOf(InvalidCachedStatementError)
    expect(errorFromServer(fields('0A000', { serverSourceFunction: 'other' }))).not.toBeInstanceOf(
      InvalidCachedStatementError,
    )
  })

  test('a class of the client has the SQLSTATE of its parent class', () => {
    const error = new QueryTimeoutError('too long')
    expect([error instanceof QueryCanceledError, error.sqlstate]).toEqual([true, '57014'])
  })

  test('instanceof tells sibling classes apart for TypeScript', () => {
    const error: DbError = errorFromServer(fields('42703'))
    if (error instanceof UniqueViolationError) throw error
    // Would not compile if the classes were one type to TypeScript: error would be `never` here.
    expect(error.sqlstate).toBe('42703')
    if (error instanceof OperationalError) throw error
    expect(error.message).toBe('it failed')
  })
})

describe('fields', () => {
  test('all fields of the server are properties, absent ones are missing', () => {
    const all = {
      detail: 'd',
      hint: 'h',
      position: 3,
      internalPosition: 4,
      internalQuery: 'select',
      context: 'c',
      schemaName: 's',
      tableName: 't',
      columnName: 'co',
      dataTypeName: 'dt',
      constraintName: 'cn',
      serverSourceFilename: 'f.c',
      serverSourceLine: 12,
      serverSourceFunction: 'fn',
    }
    expect(errorFromServer(fields('23505', all))).toMatchObject({ ...all, severity: 'ERROR', sqlstate: '23505' })
    expect('detail' in errorFromServer(fields('23505'))).toBe(false)
  })

  test('the statement is readable and stays out of logs', () => {
    const error = errorFromServer(fields('42601'), { query: "alter role r password 'secret'" })
    expect(error.query).toBe("alter role r password 'secret'")
    expect(Object.keys(error)).not.toContain('query')
    expect(JSON.stringify(error)).not.toContain('secret')
  })

  test('batchIndex is the position of the failed element of a batch', () => {
    expect(errorFromServer(fields('23505'), { batchIndex: 7 }).batchIndex).toBe(7)
  })
})

describe('the message', () => {
  test('has the form of psql', () => {
    const error = errorFromServer(
      { ...fields('42703', { position: 8, detail: 'more', hint: 'do that' }), message: 'column "x" does not exist' },
      { query: 'select x' },
    )
    expect(error).toBeInstanceOf(UndefinedColumnError)
    expect(error.message).toBe(
      'column "x" does not exist\nLINE 1: select x\n               ^\nDETAIL:  more\nHINT:  do that',
    )
    expect(error.primaryMessage).toBe('column "x" does not exist')
  })

  test.each([
    ['a later line', 'select 1,\n  nope', 13, 'LINE 2:   nope\n          ^', 2, 3],
    ['a line after a carriage return and line feed', 'select 1,\r\nnope', 12, 'LINE 2: nope\n        ^', 2, 1],
    ['a tab before', '\tselect nope', 9, 'LINE 1:  select nope\n                ^', 1, 9],
    ['umlauts before', "select 'äöü', nope", 15, "LINE 1: select 'äöü', nope\n                      ^", 1, 15],
    [
      'a character of two UTF-16 units before the place',
      "select '\u{1d11e}', nope",
      13,
      "LINE 1: select '\u{1d11e}', nope\n                    ^",
      1,
      13,
    ],
    ['wide characters before', "select '表', nope", 13, "LINE 1: select '表', nope\n                     ^", 1, 13],
    ['the end of the text', 'select 1 +', 11, 'LINE 1: select 1 +\n                  ^', 1, 11],
  ])('marks the right place with %s', (_case, query, position, shown, line, column) => {
    const error = errorFromServer(fields('42703', { position }), { query })
    expect(error.message).toBe(`it failed\n${shown}`)
    expect([error.line, error.column]).toEqual([line, column])
  })

  test('cuts a long line around the place', () => {
    const query = `select ${'a, '.repeat(100_000)}nope${', b'.repeat(100_000)}`
    const error = errorFromServer(fields('42703', { position: query.indexOf('nope') + 1 }), { query })
    const [, text = '', caret = ''] = error.message.split('\n')
    expect(text.length).toBeLessThan(80)
    expect(text).toMatch(/^LINE 1: \.\.\..*nope.*\.\.\.$/)
    expect(caret.indexOf('^')).toBe(text.indexOf('nope'))
  })

  test.each([[0], [-1], [99], [1.5], [Number.NaN]])('a position outside the text (%d) is left out', (position) => {
    const error = errorFromServer(fields('42703', { position }), { query: 'select 1' })
    expect([error.message, error.line, error.column]).toEqual(['it failed', undefined, undefined])
  })

  test('a place inside a function is shown in its own text', () => {
    const error = errorFromServer(fields('42703', { internalQuery: 'select y', internalPosition: 8 }))
    expect(error.message).toBe('it failed\nLINE 1: select y\n               ^')
  })
})

describe('warnings', () => {
  test.each(sqlstateWarnings().map(([code, warningClass]) => [code, warningClass] as const))(
    '%s has its class',
    (code, warningClass) => {
      const warning = warningFromServer({ severity: 'WARNING', sqlstate: code, message: 'careful' })
      expect(warning.constructor).toBe(warningClass)
      expect(warning).toBeInstanceOf(Warning)
      expect(warning).not.toBeInstanceOf(DbError)
      expect(warning.sqlstate).toBe(code)
    },
  )

  test('a notice with an error code is no error', () => {
    const notice = warningFromServer({ severity: 'NOTICE', sqlstate: '42P07', message: 'relation exists, skipping' })
    expect(notice.constructor).toBe(PostgresLogMessage)
    expect(notice).not.toBeInstanceOf(DuplicateTableError)
    expect(notice).toMatchObject({ severity: 'NOTICE', sqlstate: '42P07', message: 'relation exists, skipping' })
  })

  test('a warning with a code of its own is a PostgresWarning', () => {
    expect(warningFromServer({ severity: 'WARNING', sqlstate: '25001', message: '' }).constructor).toBe(PostgresWarning)
    expect(new NoData('x')).toBeInstanceOf(PostgresWarning)
  })
})

test('a notice has no stack, and the length of the stacks of other errors stays as it was', () => {
  const notice = warningFromServer(fields('00000', { severity: 'NOTICE' }))
  const error = errorFromServer(fields('42601'))
  expect(notice.stack).toBe('PostgresLogMessage: it failed')
  expect(error.stack?.split('\n').length).toBeGreaterThan(1)
})
