/** PEP 249, "Module Interface", "Exceptions", "Type Objects and Constructors": one rule, one test. */
import * as db from 'syncpg'
import { describe, expect, test } from 'vitest'

describe('globals', () => {
  test('apilevel is "2.0"', () => expect(db.apilevel).toBe('2.0'))

  test('threadsafety is an integer from 0 to 3', () => expect([0, 1, 2, 3]).toContain(db.threadsafety))

  test('paramstyle is one of the five styles', () => {
    expect(['qmark', 'numeric', 'named', 'format', 'pyformat']).toContain(db.paramstyle)
  })

  test('connect is a function', () => expect(db.connect).toBeTypeOf('function'))
})

describe('exceptions', () => {
  test.each([
    [db.Warning, globalThis.Error],
    [db.Error, globalThis.Error],
    [db.InterfaceError, db.Error],
    [db.DatabaseError, db.Error],
    [db.DataError, db.DatabaseError],
    [db.OperationalError, db.DatabaseError],
    [db.IntegrityError, db.DatabaseError],
    [db.InternalError, db.DatabaseError],
    [db.ProgrammingError, db.DatabaseError],
    [db.NotSupportedError, db.DatabaseError],
  ])('%o has the superclass that PEP 249 requires', (subclass, superclass) => {
    expect(Object.getPrototypeOf(subclass.prototype)).toBe(superclass.prototype)
  })

  test('a Warning does not extend Error of this module', () => {
    expect(db.Warning.prototype).not.toBeInstanceOf(db.Error)
  })
})

describe('constructors', () => {
  test('Date, Time and Timestamp keep their arguments', () => {
    expect(String(db.Date(2002, 12, 25))).toBe('2002-12-25')
    expect(String(db.Time(13, 45, 30))).toBe('13:45:30')
    expect(db.Timestamp(2002, 12, 25, 13, 45, 30).toISOString()).toBe('2002-12-25T13:45:30.000Z')
  })

  test('DateFromTicks, TimeFromTicks and TimestampFromTicks give the same moments', () => {
    const ticks = new Date(2002, 11, 25, 13, 45, 30).getTime() / 1000
    expect(String(db.DateFromTicks(ticks))).toBe(String(db.Date(2002, 12, 25)))
    expect(String(db.TimeFromTicks(ticks))).toBe(String(db.Time(13, 45, 30)))
    expect(db.TimestampFromTicks(ticks).getTime()).toBe(ticks * 1000)
  })

  test('Binary takes bytes and text', () => {
    expect([...db.Binary('Something')]).toEqual([...Buffer.from('Something')])
    expect([...db.Binary(new Uint8Array(0))]).toEqual([])
  })

  test('impossible dates are a DataError', () => {
    expect(() => db.Date(2002, 13, 1)).toThrow(db.DataError)
    expect(() => db.Time(25, 0, 0)).toThrow(db.DataError)
  })
})

test('there are five type objects', () => {
  for (const kind of [db.STRING, db.BINARY, db.NUMBER, db.DATETIME, db.ROWID])
    expect(kind).toBeInstanceOf(db.TypeObject)
})
