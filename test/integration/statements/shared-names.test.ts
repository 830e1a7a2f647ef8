/** The names that each of the two connection classes took over from the other. */
import { connect as connectBlocking } from 'syncpg'
import { type Connection, connect } from 'syncpg/async'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { sharedServer } from '../../support/shared-server.ts'

let con: Connection
beforeEach(async () => {
  con = await connect(sharedServer().dsn())
})
afterEach(() => con.close())

test('info is the same in both APIs', async () => {
  using blocking = connectBlocking(sharedServer().dsn())
  const told = ({ user, database, host, port, tls, serverVersion, status }: typeof con.info): object => {
    return { user, database, host, port, tls, serverVersion, status }
  }
  expect(told(con.info)).toEqual(told(blocking.info))
  expect(con.info.backendPid).toBe(await con.fetchval('select pg_backend_pid()'))
  await con.close()
  expect([con.closed, con.info.status, con.transactionStatus]).toEqual([true, 'closed', 'closed'])
})

test('describe gives types without running the statement', async () => {
  const { parameters, columns } = await con.describe('select $2::int4 as a, $1::text[] as b')
  expect(parameters.map(({ name }) => name)).toEqual(['text[]', 'int4'])
  expect(columns.map(({ name, type }) => [name, type.kind])).toEqual([
    ['a', 'scalar'],
    ['b', 'array'],
  ])
})

test('prepare: false keeps no prepared statement', async () => {
  const kept = 'select count(*)::int from pg_prepared_statements where statement like $1'
  for (let run = 0; run < 3; run++) {
    await con.fetch('select $1::int as once', [1], { prepare: false })
    await con.execute('select $1::int as once', [1], { prepare: false })
    await con.query('select $1::int as once', [1], { prepare: false })
    await con.describe('select $1::int as once', { prepare: false })
  }
  expect(await con.fetchval(kept, ['%as once%'])).toBe(0)
})

test('the blocking connection runs a COPY that is written in SQL', () => {
  using blocking = connectBlocking(sharedServer().dsn(), { autocommit: true })
  blocking.execute('create temporary table copied (a int)')
  expect(blocking.copy('copy copied from stdin', { source: ['1\n', '2\n'] })).toBe(2)
  const chunks: string[] = []
  expect(blocking.copy('copy copied to stdout', { output: (chunk) => void chunks.push(String(chunk)) })).toBe(2)
  expect(chunks.join('')).toBe('1\n2\n')
})
