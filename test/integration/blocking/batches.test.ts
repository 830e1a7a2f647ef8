/** `executemany` of the blocking face, with an iterable that uses the connection while the batch is sent. */
import { connect, type Connection, InterfaceError } from 'syncpg'
import { beforeEach, afterEach, expect, test } from 'vitest'

import { sharedServer } from '../../support/shared-server.ts'
import { failureOfAsync } from '../../support/failure-of.ts'

const INSERT = 'insert into t values ($1, $2)'
/** Some 100 bytes each: 10,000 of them are several chunks. */
const PADDING = 'x'.repeat(80)
const COUNT = 10_000

let con: Connection
beforeEach(() => {
  con = connect(sharedServer().dsn(), { autocommit: true })
  con.execute('create temporary table t (a int unique, b text)')
})
afterEach(() => con[Symbol.dispose]())

/** Elements whose iterable makes another call in the middle, long after the first chunk was sent. */
function* elements(act: () => void): Generator<[number, string]> {
  for (let index = 0; index < COUNT; index++) {
    if (index === COUNT - 100) act()
    yield [index, PADDING]
  }
}

const rowCount = (): unknown => con.execute('select count(*) from t').fetchone()?.[0]

test('an iterator that runs a statement on the connection while its elements are sent gets an error; the batch is rolled back', async () => {
  const cursor = con.cursor()
  const failure = await failureOfAsync(() =>
    cursor.executemany(
      INSERT,
      elements(() => void con.fetchval('select 1')),
    ),
  )
  expect(failure).toBeInstanceOf(InterfaceError)
  expect(failure).toMatchObject({ message: expect.stringContaining('in use') })
  expect([rowCount(), con.info.status]).toEqual([0n, 'idle'])
})

test('an iterator that closes the connection while its elements are sent ends the call', async () => {
  const failure = await failureOfAsync(() =>
    con.executemany(
      INSERT,
      elements(() => con.close()),
    ),
  )
  expect(failure).toBeInstanceOf(InterfaceError)
  expect(failure).toMatchObject({ message: 'connection is closed' })
  expect(await failureOfAsync(() => con.execute('select 1'))).toBeInstanceOf(InterfaceError)
})
