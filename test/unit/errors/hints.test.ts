import { describe, expect, test } from 'vitest'
import { hintFor, withHint } from '../../../src-async/errors/hints.ts'
import { errorFromServer } from '../../../src-async/errors/server-error.ts'
import { UniqueViolationError } from '../../../src-async/errors/sqlstates.ts'

const error = (sqlstate: string, hint?: string) =>
  errorFromServer({ severity: 'ERROR', sqlstate, message: 'm', ...(hint === undefined ? {} : { hint }) })

describe('hints', () => {
  test.each([
    ['25001', { implicitTransaction: true }, 'autocommit'],
    ['2D000', { implicitTransaction: true }, 'autocommit'],
    ['25001', { severalStatements: true }, 'splitStatements'],
    ['25001', { implicitTransaction: true, severalStatements: true }, 'splitStatements'],
    ['42P18', {}, 'cast'],
    ['42P05', { cachedStatement: true }, 'statementCacheSize: 0'],
    ['26000', { cachedStatement: true }, 'PgBouncer'],
  ])('%s says what to do', (sqlstate, circumstances, word) => {
    expect(hintFor(error(sqlstate), circumstances)).toContain(word)
  })

  test.each([['25001'], ['2D000'], ['42P05'], ['26000'], ['23505']])(
    '%s has no hint when the client did not cause it',
    (sqlstate) => {
      expect(hintFor(error(sqlstate))).toBeNull()
    },
  )

  test("the client's hint follows the server's hint, in the message too", () => {
    const hinted = withHint(error('23505', 'first'), 'second')
    expect(hinted).toBeInstanceOf(UniqueViolationError)
    expect([hinted.hint, hinted.message]).toEqual(['first\nsecond', 'm\nHINT:  first\nsecond'])
  })

  test('an error keeps its stack and its cause under the new message', () => {
    const cause = new Error('why')
    const original = new UniqueViolationError('m', { cause, query: 'q', batchIndex: 0 })
    const hinted = withHint(original, 'do that')
    expect(hinted.stack?.split('\n').slice(2)).toEqual(original.stack?.split('\n').slice(1))
    expect(hinted.stack?.startsWith('UniqueViolationError: m\nHINT:  do that\n')).toBe(true)
    expect([hinted.cause, hinted.query, hinted.batchIndex]).toEqual([cause, 'q', 0])
  })

  test('an error stays unchanged if there is no hint or it has the hint already', () => {
    const original = error('42P18', 'cast it')
    expect(withHint(original, null)).toBe(original)
    expect(withHint(original, 'cast it')).toBe(original)
  })
})

const inStatement = (sqlstate: string, query: string, marker?: string, serverSourceFunction?: string) =>
  errorFromServer(
    {
      severity: 'ERROR',
      sqlstate,
      message: 'm',
      ...(marker === undefined ? {} : { position: query.indexOf(marker) + 1 }),
      ...(serverSourceFunction === undefined ? {} : { serverSourceFunction }),
    },
    { query },
  )

describe('a parameter where SQL takes none', () => {
  test.each([
    ['select * from $1', 'quoteIdentifier(name)'],
    ['insert into $1 values (1)', 'quoteIdentifier(name)'],
    ['drop table if exists $1', 'quoteIdentifier(name)'],
    ['select interval $1', 'cast(… as interval)'],
    ['select date $1', 'cast(… as date)'],
    ['set work_mem = $1', 'set_config'],
    ['SET timezone TO $1', 'set_config'],
    ['select 1 where 2 in $1', '= any(…)'],
    ['insert into t values $1', 'executemany'],
    ['alter role r password $1', "format('… %L', value)"],
    ['notify c, $1', 'pg_notify'],
  ])('%s says what to write', (query, words) => {
    expect(hintFor(inStatement('42601', query, '$1'))).toContain(words)
  })

  test.each([
    ['select ? as a', 'as a'],
    ['select %s', '%s'],
    ['select %(a)s', '%('],
    ['select :a', ':a'],
    ['select @a', '@a'],
  ])('%s, whose markers are of another driver', (query, at) => {
    expect(hintFor(inStatement('42601', query, at))).toContain('parameters are written $1')
  })

  test.each([
    ["select '?' from where", 'where'],
    ['select a ? b c d', 'd'],
    ['select a ? $1 b c', 'c'],
  ])('%s is about something else', (query, at) => {
    expect(hintFor(inStatement('42601', query, at))).toBeNull()
  })

  test('the percent sign of LIKE', () => {
    expect(hintFor(inStatement('42601', 'select 1 where a like $1% and b', 'and'))).toContain('is a part of the value')
  })

  test('elsewhere says nothing', () => {
    expect(hintFor(inStatement('42601', 'select 1 $1', '$1'))).toBeNull()
  })
})

describe('a hint is given only where it fits:', () => {
  test.each(['execute nosuch', 'deallocate nosuch', ' EXECUTE x(1)'])('no pooler for %s', (query) => {
    expect(hintFor(inStatement('26000', query), { cachedStatement: true })).toBeNull()
  })

  test('no parameter for an empty array', () => {
    expect(hintFor(inStatement('42P18', 'select array[]', 'array', 'transformArrayExpr'))).toBeNull()
  })

  test.each([
    ['COPY "shop.item" FROM STDIN', "pass 'item', and the option { schema: 'shop' }"],
    ['COPY "item" FROM STDIN', null],
  ])('a schema for %s', (query, hint) => {
    const found = hintFor(inStatement('42P01', query))
    if (hint === null) expect(found).toBeNull()
    else expect(found).toContain(hint)
  })

  test('a rollback for a transaction that has failed', () => {
    expect(hintFor(error('25P02'))).toContain('roll back')
  })
})
