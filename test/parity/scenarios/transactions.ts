/** `transaction(fn)`: commit on return, rollback on throw, savepoints inside. */
import { DataError, InFailedSQLTransactionError, ProgrammingError } from 'syncpg/async'
import { beforeEach, describe, expect, test } from 'vitest'

import { type Driver } from '../driver.ts'
import { failureOfAsync } from '../../support/failure-of.ts'

export function transactionScenarios(db: () => Driver): void {
  describe('transaction(fn)', () => {
    const rows = (): unknown => db().rows('select a from t order by a')
    const insert = (a: number): unknown => db().execute('insert into t values ($1)', [a])

    beforeEach(async () => {
      await db().execute('create table t (a int primary key)')
    })

    test('commits when the function returns, and returns its value', async () => {
      const value = await db().transaction(function* () {
        yield insert(1)
        return (yield db().fetchval('select a + 1 from t')) as number
      })
      expect([value, await rows(), db().isInTransaction]).toEqual([2, [[1]], false])
    })

    test('rolls back when the function throws, and throws the same error', async () => {
      const mishap = new RangeError('enough')
      const failure = await failureOfAsync(() =>
        db().transaction(function* () {
          yield insert(1)
          throw mishap
        }),
      )
      expect(failure).toBe(mishap)
      expect([await rows(), db().isInTransaction]).toEqual([[], false])
    })

    test('a function that does nothing sends nothing', async () => {
      expect(
        await db().transaction(function* () {
          yield null
          return 'done'
        }),
      ).toBe('done')
      expect(db().isInTransaction).toBe(false)
    })

    test('an inner one is a savepoint, which can fail alone', async () => {
      await db().transaction(function* () {
        yield insert(1)
        try {
          yield db().transaction(function* () {
            yield insert(2)
            throw new Error('inner')
          })
        } catch (error) {
          expect((error as Error).message).toBe('inner')
        }
        yield db().transaction(function* () {
          yield insert(3)
        })
      })
      expect(await rows()).toEqual([[1], [3]])
    })

    test('inner ones may come first, three levels deep', async () => {
      await db().transaction(function* () {
        yield db().transaction(function* () {
          yield db().transaction(function* () {
            yield insert(1)
          })
          yield insert(2)
        })
      })
      expect([await rows(), db().isInTransaction]).toEqual([[[1], [2]], false])
    })

    test('an error that is caught inside makes the commit fail, and is its cause', async () => {
      const failure = await failureOfAsync(() =>
        db().transaction(function* () {
          yield insert(1)
          try {
            yield db().execute('select 1/0')
          } catch (error) {
            expect(error).toBeInstanceOf(DataError)
          }
        }),
      )
      expect(failure).toBeInstanceOf(InFailedSQLTransactionError)
      expect(failure['cause']).toMatchObject({ sqlstate: '22012' })
      expect([await rows(), db().isInTransaction]).toEqual([[], false])
    })

    test('statements after a failed one say why they fail', async () => {
      const failure = await failureOfAsync(() =>
        db().transaction(function* () {
          try {
            yield db().execute('select 1/0')
          } catch {
            yield insert(1)
          }
        }),
      )
      expect(failure).toMatchObject({ sqlstate: '25P02', detail: expect.stringContaining('division by zero') })
      expect(failure['cause']).toMatchObject({ sqlstate: '22012' })
    })

    test('a later refusal by the client does not hide the first error', async () => {
      await insert(7)
      const failure = await failureOfAsync(() =>
        db().transaction(function* () {
          try {
            yield insert(7)
          } catch {
            try {
              yield insert('wrong' as unknown as number)
            } catch {
              // Refused by the client; the transaction had failed before.
            }
          }
        }),
      )
      expect(failure).toBeInstanceOf(InFailedSQLTransactionError)
      expect(failure['cause']).toMatchObject({ sqlstate: '23505' })
    })

    test('the outer one stays usable if the failure of an inner one is caught outside of it', async () => {
      await db().transaction(function* () {
        yield insert(1)
        try {
          yield db().transaction(function* () {
            yield insert(1)
          })
        } catch (error) {
          expect(error).toMatchObject({ name: 'UniqueViolationError' })
        }
        yield insert(2)
      })
      expect(await rows()).toEqual([[1], [2]])
    })

    test('a deferred constraint fails the commit', async () => {
      await db().execute('create table c (a int references t deferrable initially deferred)')
      const failure = await failureOfAsync(() =>
        db().transaction(function* () {
          yield db().execute('insert into c values (99)')
        }),
      )
      expect(failure).toMatchObject({ name: 'ForeignKeyViolationError' })
      expect(db().isInTransaction).toBe(false)
    })

    test('the isolation level and read-only apply to the transaction', async () => {
      const body = function* () {
        return (yield db().rows(
          "select current_setting('transaction_isolation'), current_setting('transaction_read_only')",
        )) as unknown
      }
      const options = { isolation: 'serializable', readOnly: true } as const
      expect(await db().transaction(body, options)).toEqual([['serializable', 'on']])
      expect(await db().transaction(body)).toEqual([['read committed', 'off']])
    })

    test('other options for an inner one are refused and not ignored', async () => {
      const failure = await failureOfAsync(() =>
        db().transaction(function* () {
          yield insert(1)
          yield db().transaction(
            function* () {
              yield insert(2)
            },
            { isolation: 'serializable' },
          )
        }),
      )
      expect(failure).toBeInstanceOf(ProgrammingError)
      expect(await rows()).toEqual([])
    })

    test('an inner one may have the options of the outer one', async () => {
      const options = { isolation: 'repeatable read', readOnly: false } as const
      await db().transaction(function* () {
        yield db().transaction(function* () {
          yield insert(1)
        }, options)
      }, options)
      expect(await rows()).toEqual([[1]])
    })

    test('an unknown option is refused and not ignored', async () => {
      const options = { readonly: true } as unknown as { readOnly: true }
      const failure = await failureOfAsync(() =>
        db().transaction(function* () {
          yield insert(1)
        }, options),
      )
      expect(failure).toBeInstanceOf(ProgrammingError)
      expect(failure.message).toContain('readOnly')
      expect(await rows()).toEqual([])
    })

    test('an unknown isolation level is refused before anything is sent', async () => {
      const options = { isolation: 'strict' } as unknown as { isolation: 'serializable' }
      const failure = await failureOfAsync(() =>
        db().transaction(function* () {
          yield null
        }, options),
      )
      expect(failure).toBeInstanceOf(ProgrammingError)
      expect(db().isInTransaction).toBe(false)
    })

    test('a transaction that SQL has ended throws', async () => {
      const failure = await failureOfAsync(() =>
        db().transaction(function* () {
          yield insert(1)
          yield db().execute('commit')
        }),
      )
      expect(failure).toBeInstanceOf(ProgrammingError)
      expect(await rows()).toEqual([[1]])
    })

    test('a stale plan inside a new transaction is prepared again without losing the transaction', async () => {
      await insert(1)
      expect(await db().rows('select * from t')).toEqual([[1]])
      await db().execute('alter table t add b int default 5')
      const options = { isolation: 'repeatable read' } as const
      const level = await db().transaction(function* () {
        expect(yield db().rows('select * from t')).toEqual([[1, 5]])
        yield insert(2)
        return (yield db().fetchval("select current_setting('transaction_isolation')")) as unknown
      }, options)
      expect([level, await db().rows('select * from t')]).toEqual([
        'repeatable read',
        [
          [1, 5],
          [2, 5],
        ],
      ])
    })
  })
}
