/**
 * A time limit that passes at the moment when its statement ends, many times. The call gets its own answer or
 * QueryTimeoutError, and a late cancel does not hit the next statement. `CANCEL_RACES` sets the number of races.
 */
import { expect, test } from 'vitest'

import { QueryTimeoutError, connect } from 'syncpg/async'

import { sharedServer } from '../../support/shared-server.ts'

const races = Number(process.env['CANCEL_RACES'] ?? 60)

test.each(['disable', 'require'] as const)(
  `${races} time limits that race the end of their statement (sslmode=%s)`,
  async (sslmode) => {
    const con = await connect(sharedServer().dsn({ user: 'u_trust', transport: 'tcp' }), { sslmode })
    const outcomes = { inTime: 0, late: 0 }
    // The time of a cancel depends on the machine, so the sleep is adjusted until cancels come both in time and too
    // late.
    let sleepMs = 4
    for (let race = 0; race < races; race += 1) {
      const isRead = race % 2 === 0
      const asked = isRead
        ? con.fetchval("select 'read ' || $1 from pg_sleep($2)", [String(race), sleepMs / 1000], 0, { timeout: 3 })
        : con.executemany('select pg_sleep($1::float8)', [[sleepMs / 3000], [sleepMs / 1500]], { timeout: 3 })
      try {
        const answer = await asked
        expect(answer).toBe(isRead ? `read ${race}` : undefined)
        outcomes.inTime += 1
        sleepMs *= 1.25
      } catch (error) {
        expect(error).toBeInstanceOf(QueryTimeoutError)
        outcomes.late += 1
        sleepMs *= 0.8
      }
      expect(await con.fetchval("select 'next ' || $1 from pg_sleep(0.001)", [String(race)])).toBe(`next ${race}`)
    }
    expect([con.isClosed, con.isInTransaction]).toEqual([false, false])
    expect(Math.min(outcomes.inTime, outcomes.late)).toBeGreaterThan(0)
    await con.close()
  },
  60_000 + races * 100,
)
