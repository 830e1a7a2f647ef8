/** Errors: the class for each code, every field the server sent, and the place in the text the user wrote. */
import * as api from 'syncpg/async'
import { describe, expect, test } from 'vitest'

import { type Driver } from '../driver.ts'
import { failureOfAsync } from '../../support/failure-of.ts'

export function errorScenarios(db: () => Driver): void {
  describe('errors', () => {
    const classes = api as unknown as Record<string, new (message: string) => Error>

    test.each([
      ['selec 1', 'PostgresSyntaxError', ['ProgrammingError', 'DatabaseError', 'DbError']],
      ['select * from nowhere', 'UndefinedTableError', ['ProgrammingError']],
      ['select nothing', 'UndefinedColumnError', ['ProgrammingError']],
      ['select no_such_function(1)', 'UndefinedFunctionError', ['ProgrammingError']],
      ['select 1/0', 'DivisionByZeroError', ['DataError', 'DatabaseError']],
      ["select 'x'::int", 'InvalidTextRepresentationError', ['DataError']],
      [
        'insert into t values (1), (1)',
        'UniqueViolationError',
        ['IntegrityConstraintViolationError', 'IntegrityError'],
      ],
      ['insert into t values (null)', 'NotNullViolationError', ['IntegrityError']],
      ['insert into t values (-1)', 'CheckViolationError', ['IntegrityError']],
      ['release savepoint s', 'NoActiveSQLTransactionError', ['InternalError']],
      ["do $$ begin raise exception 'mine'; end $$", 'RaiseError', ['ProgrammingError']],
      ["do $$ begin raise exception 'odd' using errcode = 'MY001'; end $$", 'DatabaseError', ['DbError']],
      ["set statement_timeout = 'soon'", 'InvalidParameterValueError', ['DataError']],
    ])('%s is a %s', async (sql, name, parents) => {
      await db().execute('create table t (a int primary key check (a > 0))')
      for (const values of [undefined, []]) {
        const failure = await failureOfAsync(() => db().execute(sql, values))
        expect(failure.name).toBe(name)
        for (const parent of [name, ...parents]) expect(failure).toBeInstanceOf(classes[parent])
      }
      expect(await db().fetchval('select 1')).toBe(1)
    })

    test('a constraint violation has every field', async () => {
      await db().execute('create table pair (a int, b text, constraint only_once unique (a, b))')
      await db().execute("insert into pair values (1, 'x')")
      const failure = await failureOfAsync(() => db().execute('insert into pair values ($1, $2)', [1, 'x']))
      expect(failure).toMatchObject({
        sqlstate: '23505',
        code: '23505',
        severity: 'ERROR',
        detail: 'Key (a, b)=(1, x) already exists.',
        schemaName: 'parity',
        tableName: 'pair',
        constraintName: 'only_once',
        serverSourceFunction: '_bt_check_unique',
        query: 'insert into pair values ($1, $2)',
      })
      expect(failure['serverSourceLine']).toBeGreaterThan(0)
      expect(failure.message.split('\n')[0]).toBe('duplicate key value violates unique constraint "only_once"')
      expect(failure.message).toContain('DETAIL:  Key (a, b)=(1, x) already exists.')
    })

    test('a violation has its column and its type', async () => {
      await db().execute('create domain positive as int check (value > 0); create table n (a int not null)')
      expect(await failureOfAsync(() => db().execute('insert into n values (null)'))).toMatchObject({
        tableName: 'n',
        columnName: 'a',
      })
      expect(await failureOfAsync(() => db().execute('select (-1)::positive'))).toMatchObject({
        dataTypeName: 'positive',
        constraintName: 'positive_check',
      })
    })

    test('an error in a function has a hint, a context and the internal statement', async () => {
      await db().execute(
        'create function broken() returns int language plpgsql as ' +
          '$$ begin return (select wrong from (select 1 as "wrung") q); end $$',
      )
      const failure = await failureOfAsync(() => db().fetchval('select broken()'))
      expect(failure).toMatchObject({
        name: 'UndefinedColumnError',
        hint: expect.stringContaining('wrung'),
        context: expect.stringContaining('PL/pgSQL function broken()'),
        internalQuery: expect.stringContaining('wrong'),
      })
      expect(failure['internalPosition']).toBeGreaterThan(0)
    })

    test('the position is an index of the text, and the caret is under that character', async () => {
      const sql = "select 'żółć 😀',\n       nothing\n  from t"
      await db().execute('create table t (a int)')
      for (const values of [undefined, []]) {
        const failure = await failureOfAsync(() => db().execute(sql, values))
        expect(failure).toMatchObject({ line: 2, column: 8 })
        const [, line = '', caret = ''] = failure.message.split('\n')
        expect(line).toBe('LINE 2:        nothing')
        expect(caret.indexOf('^')).toBe(line.indexOf('nothing'))
      }
    })

    describe('the failed statement of a text', () => {
      const script = `-- a line of comment;
        create table t (a int primary key);
        /* 😀 ; */ create rule r as on update to t do also (select 1; select 2);
        insert into t values (1); update t set a = 2;
        do $$ begin perform 1; end $$;
        /* 😀 */ insert into t
          values (2);
        select 3`

      test('is found if the server gives no position', async () => {
        const failure = await failureOfAsync(() => db().execute(script))
        expect(failure).toMatchObject({ sqlstate: '23505', statementIndex: 5, line: 6, column: 17, query: script })
        expect(failure.propertyIsEnumerable('statementIndex')).toBe(false)
      })

      test('is found inside a transaction too', async () => {
        const failure = await failureOfAsync(() =>
          db().transaction(function* () {
            yield db().execute('create table t (a int); select 1')
            yield db().execute('select 1;\n select 2;\n create table t (a int); select 3')
          }),
        )
        expect(failure).toMatchObject({ name: 'DuplicateTableError', statementIndex: 2, line: 3, column: 2 })
      })

      test.each([
        ['select 1;\nselect 2; selec 3', { statementIndex: 2, line: 2, column: 11 }],
        ['select 1; select nothing; select 2', { statementIndex: 1, line: 1, column: 18 }],
        ['select 1;\n\nselect (', { statementIndex: 1, line: 3, column: 9 }],
      ])('is the statement of the position, if there is one: %j', async (sql, place) => {
        expect(await failureOfAsync(() => db().execute(sql))).toMatchObject(place)
      })

      test('is the first in a text with one statement, in either protocol', async () => {
        await db().execute('create table t (a int primary key)')
        for (const values of [undefined, []]) {
          const failure = await failureOfAsync(() => db().execute('-- why\n\n  insert into t values (1), (1)', values))
          expect(failure).toMatchObject({ sqlstate: '23505', statementIndex: 0, line: 3, column: 3 })
        }
        const sql = '/* $1 */ insert into t values ($1), ($1)'
        const failure = await failureOfAsync(() => db().execute(sql, [1]))
        expect(failure).toMatchObject({ sqlstate: '23505', statementIndex: 0, line: 1, column: 10 })
      })

      test('is the last if the end of the text fails', async () => {
        await db().execute('create table t (a int unique deferrable initially deferred)')
        const failure = await failureOfAsync(() => db().execute('insert into t values (1);\ninsert into t values (1)'))
        expect(failure).toMatchObject({ sqlstate: '23505', statementIndex: 1, line: 2, column: 1 })
      })
    })

    test('a statement that cannot run with others in one text fails with the reason, and runs alone', async () => {
      const sql = 'vacuum pg_catalog.pg_class; vacuum pg_catalog.pg_type'
      const hint =
        'the server runs the statements of one text as one transaction, in autocommit too: run them one by one, splitStatements(sql)'
      expect(await failureOfAsync(() => db().execute(sql))).toMatchObject({
        sqlstate: '25001',
        statementIndex: 0,
        hint: expect.stringContaining(hint),
      })
      for (const { sql: one } of api.splitStatements(sql)) expect(await db().execute(one)).toBe('VACUUM')
      const inside = await failureOfAsync(() =>
        db().transaction(function* () {
          yield db().execute('select 1')
          yield db().execute(sql)
        }),
      )
      expect([inside['sqlstate'], inside['hint']]).toEqual(['25001', undefined])
    })

    test('a table name with the schema in the same string gets a hint', async () => {
      const call = (): unknown => db().copy('parity.t', { records: [[1]] })
      expect(await failureOfAsync(call as () => Promise<unknown>)).toMatchObject({
        sqlstate: '42P01',
        hint: expect.stringContaining("pass 't', and the option { schema: 'parity' }"),
      })
      const source = Buffer.from('1\n')
      const load = (): unknown => db().load('parity.t', { source } as never)
      const { hint, query } = await failureOfAsync(load as () => Promise<unknown>)
      // PGlite gets a COPY with its data and refuses it at the end, where nobody knows the text any more.
      expect(query === undefined ? "{ schema: 'parity' }" : hint).toContain("{ schema: 'parity' }")
    })

    test('the message of a COPY names the line that does not fit', async () => {
      await db().execute('create table t (a int)')
      const source = Buffer.from('1\n2\nx\n')
      const failure = await failureOfAsync(() => db().load('t', { schema: 'parity', source }))
      expect(failure.message).toContain('\nCONTEXT:  COPY t, line 3, column a: "x"')
      expect(failure['primaryMessage']).not.toContain('CONTEXT')
    })

    test('a list for one value gets the hint to write = any', async () => {
      const failure = await failureOfAsync(() => db().execute('select 1 where 1 in ($1)', [[1, 2]]))
      expect(failure['hint']).toContain('write x = any(…)')
      expect(await db().fetchval('select 1 where 1 = any($1)', [[1, 2]])).toBe(1)
    })

    test("the first file in the stack is the caller's", async () => {
      const failure = await failureOfAsync(async () => {
        await db().fetch('select * from nowhere')
      })
      expect(failure.stack).toContain('scenarios/errors.ts')
    })

    test('a failing row in the middle of a result throws', async () => {
      const sql = 'select 1 / (5000 - i) from generate_series(1, 10000) i'
      expect(await failureOfAsync(() => db().fetch(sql))).toMatchObject({ name: 'DivisionByZeroError' })
      expect(await db().fetchval('select 1')).toBe(1)
    })

    test('a value that JavaScript cannot hold fails the fetch, not the connection', async () => {
      const failure = await failureOfAsync(() => db().fetch("select '294276-12-31'::timestamp"))
      expect(failure).toBeInstanceOf(api.DataError)
      expect(await db().fetchval('select 1')).toBe(1)
    })
  })

  test('an error of a deferred constraint at the end of a text names no statement', async () => {
    await db().execute(
      'create table p (a int primary key); create table c (a int references p deferrable initially deferred)',
    )
    const atCommit = await failureOfAsync(() => db().execute('insert into c values (99);\nselect 1;\nselect 2'))
    expect([atCommit['sqlstate'], atCommit['statementIndex'], atCommit['line']]).toEqual([
      '23503',
      undefined,
      undefined,
    ])
    expect(atCommit['hint']).toContain('a deferred constraint was checked at the commit')
    const duplicate = await failureOfAsync(() => db().execute('select 1; insert into p values (1), (1)'))
    expect([duplicate['sqlstate'], duplicate['statementIndex']]).toEqual(['23505', 1])
  })
}
