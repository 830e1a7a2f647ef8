/** The end of a connection. */
import { InterfaceError } from 'syncpg/async'
import { describe, expect, test } from 'vitest'

import { type Driver } from '../driver.ts'
import { failureOfAsync } from '../../support/failure-of.ts'

export function lifeScenarios(db: () => Driver): void {
  describe('after close', () => {
    test('every use is an InterfaceError', async () => {
      await db().execute('begin')
      await db().close()
      expect([db().isClosed, db().isInTransaction]).toEqual([true, false])
      const uses = [
        () => db().execute('select 1'),
        () => db().fetch('select 1', []),
        () => db().fetchrow('select 1'),
        () => db().fetchval('select 1'),
        () => db().executemany('select $1', [[1]]),
        () => db().copy('t', { records: [] }),
        () =>
          db().transaction(function* () {
            yield null
          }),
      ]
      for (const use of uses) {
        const failure = await failureOfAsync(use)
        expect(failure).toBeInstanceOf(InterfaceError)
        expect(failure.message).toContain('closed')
      }
    })
  })
}
