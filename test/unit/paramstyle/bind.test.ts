/** Parameters for markers: which values are passed on, and the error for each mistake. */
import { describe, expect, test } from 'vitest'
import { ProgrammingError } from '../../../src-async/errors/tree.ts'
import { shapeFor } from '../../../src-async/values/row-shapes.ts'
import { boundElements } from '../../../src-sync/batch.ts'
import { type Parameters, bindParameters } from '../../../src-sync/paramstyle/bind-parameters.ts'
import { type ParamStyle, rewrite } from '../../../src-sync/paramstyle/rewrite.ts'

const column = (name: string) => ({ name, tableOid: 0, tableColumn: 0, typeOid: 25, typeSize: -1, typeModifier: -1 })

function bind(sql: string, parameters: unknown, style: ParamStyle = 'pyformat'): readonly unknown[] {
  const rewritten = rewrite(sql, style, { standardConformingStrings: true, hasParameters: true })
  return bindParameters(rewritten, parameters as Parameters)
}

function complaint(sql: string, parameters: unknown, style: ParamStyle = 'pyformat'): string {
  try {
    bind(sql, parameters, style)
  } catch (error) {
    if (error instanceof ProgrammingError) return error.message
    throw error
  }
  throw new Error('the parameters were taken')
}

class Person {
  readonly name = 'Ada'
  get age(): number {
    return 36
  }
}

describe('parameters', () => {
  test('an array that fits is passed on without a copy', () => {
    const parameters = [1, null, 'x']
    expect(bind('values (%s, %s, %s)', parameters)).toBe(parameters)
  })

  test('each marker of a name gets the value of that name', () => {
    expect(bind('%(b)s %(a)s %(b)s', { a: 1, b: 2, c: 3 })).toEqual([2, 1, 2])
  })

  test('a row of a result is a sequence, and has names', () => {
    const row = shapeFor([column('a'), column('b')]).make([1, null])
    expect(bind('values (%s, %s)', row)).toEqual([1, null])
    expect(bind('values (%(b)s, %(a)s)', row)).toEqual([null, 1])
    expect(() => bind('values (%s)', row)).toThrow(/1 parameter marker, and 2 parameters were given/)
  })

  test('a Map, an instance and an object without prototype have names', () => {
    expect(bind('%(a)s', new Map([['a', 1]]))).toEqual([1])
    expect(bind('%(age)s %(name)s', new Person())).toEqual([36, 'Ada'])
    expect(bind('%(a)s', Object.assign(Object.create(null) as object, { a: 1 }))).toEqual([1])
  })

  test('names of Object.prototype count only when the object has them itself', () => {
    expect(bind('%(constructor)s', { constructor: 1 })).toEqual([1])
    expect(complaint('%(constructor)s', {})).toBe('no value for %(constructor)s: the object has no properties')
    expect(complaint('%(__proto__)s', { a: 1 })).toBe('no value for %(__proto__)s: the object has "a"')
  })

  test('$n and :n need as many values as the highest number', () => {
    expect(bind('$3', [1, 2, 3])).toEqual([1, 2, 3])
    expect(bind(':2', [1, 2], 'numeric')).toEqual([1, 2])
  })

  test('a statement without markers takes none', () => {
    expect(bind('select 1', [])).toEqual([])
    expect(bind('select 1', {})).toEqual([])
    expect(bind('select 1', { unused: 1 })).toEqual([])
    expect(bind('select 1', null)).toEqual([])
  })
})

const complaints: [string, string, unknown, string, ParamStyle?][] = [
  ['too few', '%s, %s', [1], 'the statement has 2 parameter markers, and 1 parameter was given'],
  ['too many', '%s', [1, 2], 'the statement has 1 parameter marker, and 2 parameters were given'],
  ['too few for $n', '$3, $1', [1], "the statement's highest marker is $3, and 1 parameter was given"],
  [
    'a marker in quotes',
    "where name = '%s'",
    ['x'],
    'the statement has no parameter markers, and 1 parameter was given\n' +
      'HINT:  a marker inside quotes is text; remove the quotes',
  ],
  [
    'a named marker in quotes',
    "where name = '%(name)s'",
    { name: 'x' },
    'the statement has no parameter markers, but values were given by name\n' +
      'HINT:  a marker inside quotes is text; remove the quotes',
  ],
  [
    'a marker in a comment',
    'select %s -- and %s',
    [1, 2],
    'the statement has 1 parameter marker, and 2 parameters were given\nHINT:  a marker inside a comment is text',
  ],
  [
    'a quote that is not closed',
    "select 'O'Brien',\n%s",
    [1],
    'the statement has no parameter markers, and 1 parameter was given\n' +
      'HINT:  the quote that opens in line 1 is never closed, and markers after it are text',
  ],
  [
    'markers of another style',
    'select ?',
    [1],
    'the statement has no parameter markers, and 1 parameter was given\n' +
      'HINT:  the markers of this connection are %s, %(name)s and $1 (paramstyle pyformat); ' +
      "for ? connect with paramstyle: 'qmark'",
  ],
  ['a missing name', '%(nmae)s', { name: 1, id: 2 }, 'no value for %(nmae)s: the object has "name", "id"'],
  ['a missing name in style named', ':nmae', { name: 1 }, 'no value for :nmae: the object has "name"', 'named'],
  ['an undefined', '%s, %s', [1, undefined], undefinedValue('parameter 2')],
  ['a hole', '%s, %s', new Array(2), undefinedValue('parameter 1')],
  ['an undefined by name', '%(a)s', { a: undefined }, undefinedValue('parameter "a"')],
  ['a bare value', '%s', 42, wrap('the number 42')],
  ['a bare string', '%s', 'x', wrap('the string "x"')],
  ['a bare Buffer', '%s', Buffer.from('x'), wrap('an object of class Buffer')],
  ['a bare Date', '%s', new Date(0), wrap('the Date 1970-01-01T00:00:00.000Z')],
  ['a Set', '%s', new Set([1]), wrap('an object of class Set')],
  [
    'a bare value without markers',
    'select 1',
    42,
    'expected an array or an object of parameters, got the number 42\n' +
      'HINT:  wrap the value in an array, also a single one: [value]',
  ],
  [
    'an object for positional markers',
    '%s',
    { a: 1 },
    'the statement has positional markers: expected an array of parameters, got a plain object\n' +
      'HINT:  an object goes with %(name)s markers',
  ],
  [
    'an object where the style has no names',
    '?',
    { a: 1 },
    'the statement has positional markers: expected an array of parameters, got a plain object\n' +
      'HINT:  an object goes with the markers of paramstyle pyformat or named',
    'qmark',
  ],
  [
    'an array for named markers',
    '%(id)s',
    [1],
    'the statement has named markers: expected an object such as { id: … }, got an array of 1 element',
  ],
  [
    'nothing for markers',
    '%s',
    null,
    'the statement has positional markers: expected an array of parameters, got null\n' +
      'HINT:  wrap the value in an array, also a single one: [value]',
  ],
]

function wrap(found: string): string {
  return (
    `the statement has positional markers: expected an array of parameters, got ${found}\n` +
    'HINT:  wrap the value in an array, also a single one: [value]'
  )
}

function undefinedValue(what: string): string {
  return `${what} is undefined\nHINT:  null is SQL NULL; undefined is nearly always a misspelled property`
}

describe('mistakes', () => {
  test.each(complaints)('%s', (_what, sql, parameters, message, style = 'pyformat') => {
    expect(complaint(sql, parameters, style)).toBe(message)
  })

  test('in executemany name the element', () => {
    const rewritten = rewrite('%s', 'pyformat', { standardConformingStrings: true, hasParameters: true })
    expect(() => [...boundElements(rewritten, [[1], []], 'fetchmany')]).toThrow(
      'element #1 of fetchmany: the statement has 1 parameter marker, and 0 parameters were given',
    )
  })

  test('show no value in full', () => {
    const secret = 'x'.repeat(1000)
    expect(complaint('%s', secret).length).toBeLessThan(250)
    expect(complaint('%(a)s', { [secret]: 1 }).length).toBeLessThan(250)
  })
})
