import { describe, expect, test } from 'vitest'
import { clientErrors } from '../../../src-async/errors/client-errors.ts'
import { errorFromFailure, failureFromError, type Failure } from '../../../src-async/errors/failure.ts'
import { errorFromServer, registerSqlstate } from '../../../src-async/errors/server-error.ts'
import { sqlstateErrors } from '../../../src-async/errors/sqlstate-tables.ts'
import { UniqueViolationError } from '../../../src-async/errors/sqlstates.ts'
import {
  ClientConfigurationError,
  DatabaseError,
  DataError,
  DbError,
  IntegrityError,
  InterfaceError,
  InternalError,
  NotSupportedError,
  OperationalError,
  ProgrammingError,
  ProtocolError,
  type ErrorClass,
} from '../../../src-async/errors/tree.ts'

/** Sends a Failure through JSON text, as the channel does. */
function cross(error: unknown): Error {
  return errorFromFailure(JSON.parse(JSON.stringify(failureFromError(error))) as Failure)
}

const trunk: readonly ErrorClass[] = [
  DbError,
  InterfaceError,
  DatabaseError,
  DataError,
  IntegrityError,
  OperationalError,
  InternalError,
  ProgrammingError,
  NotSupportedError,
  ProtocolError,
  ClientConfigurationError,
]
const everyClass = [...trunk, ...clientErrors, ...sqlstateErrors().map(([, errorClass]) => errorClass)]

const details = {
  severity: 'ERROR',
  detail: 'Key (id)=(1) already exists.',
  hint: 'use another',
  position: 8,
  internalPosition: 1,
  internalQuery: 'select 2',
  context: 'PL/pgSQL function f()',
  schemaName: 'public',
  tableName: 't',
  columnName: 'id',
  dataTypeName: 'int4',
  constraintName: 't_pkey',
  serverSourceFilename: 'nbtinsert.c',
  serverSourceLine: 666,
  serverSourceFunction: '_bt_check_unique',
  batchIndex: 3,
  interrupted: true,
  query: 'select x',
}

describe('an error that crosses to the other thread', () => {
  test.each(everyClass.map((errorClass) => [errorClass.name, errorClass] as const))(
    '%s keeps its class and its fields',
    (_name, errorClass) => {
      const error = new errorClass('it failed', details)
      const arrived = cross(error) as DbError
      expect(arrived.constructor).toBe(errorClass)
      expect(arrived.message).toBe(error.message)
      expect(arrived).toMatchObject(details)
      expect(arrived.sqlstate).toBe(error.sqlstate)
      expect(arrived.primaryMessage).toBe('it failed')
      expect(Object.keys(arrived).toSorted()).toEqual(Object.keys(error).toSorted())
    },
  )

  test('an unknown SQLSTATE stays readable', () => {
    const error = errorFromServer({ severity: 'ERROR', sqlstate: '23ZZ9', message: 'm' })
    expect(cross(error)).toMatchObject({ sqlstate: '23ZZ9', name: 'IntegrityConstraintViolationError' })
  })

  test('a class that only this thread has registered is used', () => {
    const failure = failureFromError(errorFromServer({ severity: 'ERROR', sqlstate: 'MY101', message: 'm' }))
    expect(failure.name).toBe('DatabaseError')
    class OutOfStock extends DatabaseError {}
    registerSqlstate('MY101', OutOfStock)
    expect(errorFromFailure(failure)).toBeInstanceOf(OutOfStock)
    expect(cross(new OutOfStock('m', { sqlstate: 'MY101' }))).toBeInstanceOf(OutOfStock)
  })

  test('an instance of an unknown class of the user gets the class of its SQLSTATE', () => {
    class Mine extends UniqueViolationError {}
    expect(cross(new Mine('m')).constructor).toBe(UniqueViolationError)
  })

  test('the stack of the other thread is kept as text, and the visible one is of this thread', () => {
    const error = new OperationalError('lost')
    error.stack = 'OperationalError: lost\n    at far (worker.cjs:1:1)'
    const arrived = cross(error)
    expect(Reflect.get(arrived, 'remoteStack')).toBe(error.stack)
    expect(arrived.stack).not.toContain('worker.cjs')
    expect(Object.keys(arrived)).not.toContain('remoteStack')
  })

  test('causes keep their class, code and causes, and a cause that is a bug keeps its stack', () => {
    const system = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), {
      code: 'ECONNREFUSED',
      errno: -111,
      syscall: 'connect',
      address: '127.0.0.1',
      port: 1,
    })
    const middle = new ProtocolError('odd', { cause: system })
    const arrived = cross(new OperationalError('cannot connect', { cause: middle })) as DbError
    const cause = arrived.cause as DbError
    expect(cause).toBeInstanceOf(ProtocolError)
    expect(cause.stack).toBe(middle.stack)
    expect(cause.cause).toMatchObject({
      message: system.message,
      code: 'ECONNREFUSED',
      errno: -111,
      syscall: 'connect',
      address: '127.0.0.1',
      port: 1,
      stack: `Error: ${system.message}`,
    })
    expect(Object.keys(arrived)).not.toContain('cause')
  })

  test('the errors of an AggregateError arrive', () => {
    const attempts = [new OperationalError('first host', { sqlstate: '57P03' }), new Error('second host')]
    const arrived = cross(new OperationalError('no host', { cause: new AggregateError(attempts, 'all failed') }))
    const cause = arrived.cause as AggregateError
    expect(cause).toBeInstanceOf(AggregateError)
    expect(cause.message).toBe('all failed')
    expect(cause.errors.map((each: Error) => [each.constructor, each.message])).toEqual([
      [OperationalError, 'first host'],
      [Error, 'second host'],
    ])
    expect(cause.errors[0]).toMatchObject({ sqlstate: '57P03' })
  })

  test('a cause that is no error arrives as text', () => {
    expect(cross(new OperationalError('m', { cause: 'a reason' })).cause).toBe('a reason')
  })
})

describe('errors of other classes', () => {
  test.each([[TypeError], [RangeError], [ReferenceError], [SyntaxError], [URIError], [EvalError]])(
    'an unwrapped %o becomes a bug report with the error as its cause',
    (nativeClass) => {
      const bug = new nativeClass('x is not a function')
      const arrived = cross(bug)
      expect(arrived).toBeInstanceOf(InternalError)
      expect(arrived.message).toContain('please report')
      expect(arrived.message).toContain('x is not a function')
      expect(arrived.cause).toBeInstanceOf(nativeClass)
      expect((arrived.cause as Error).stack).toBe(bug.stack)
    },
  )

  test.each([['text'], [42], [null], [undefined], [{ a: 1 }], [Object.create(null)], [Symbol('s')], [() => 1]])(
    'a thrown %o becomes a bug report',
    (thrown) => {
      const arrived = cross(thrown)
      expect(arrived).toBeInstanceOf(InternalError)
      expect(arrived.message).toContain('please report')
    },
  )

  test("a system error keeps its code and is not the library's bug", () => {
    const arrived = cross(Object.assign(new Error('no'), { code: 'ENOENT', errno: -2, path: '/x' }))
    expect(arrived.constructor).toBe(Error)
    expect(arrived).toMatchObject({ message: 'no', code: 'ENOENT', errno: -2, path: '/x' })
  })

  test("another library's error keeps its name", () => {
    class ZodError extends Error {
      override name = 'ZodError'
    }
    expect(cross(new ZodError('bad')).name).toBe('ZodError')
    expect(cross(new DOMException('stopped', 'AbortError')).name).toBe('AbortError')
  })

  test('a chain of causes that is a cycle ends', () => {
    const error = new OperationalError('m')
    error.cause = error
    let depth = 0
    for (let each: unknown = cross(error); each instanceof Error; each = each.cause) depth++
    expect(depth).toBeLessThan(12)
  })

  test('an error with fields of wrong types is still passed on', () => {
    const error = new Error('m')
    Object.defineProperty(error, 'message', { value: 42 })
    Object.defineProperty(error, 'stack', { value: undefined })
    expect(cross(error)).toBeInstanceOf(Error)
  })
})

test('a cause with a clear message has no stack frames of this library', () => {
  const attempt = new OperationalError('connection refused', {
    cause: Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }),
  })
  const outer = new OperationalError('nobody there', { cause: new AggregateError([attempt], 'nobody there') })
  const { cause } = errorFromFailure(failureFromError(outer)) as { cause: AggregateError }
  const [inner] = cause.errors as [Error & { cause: Error }]
  expect([cause.stack, inner.stack, inner.cause.stack]).toEqual([
    'AggregateError: nobody there',
    'OperationalError: connection refused',
    'Error: connect',
  ])
})
