/** BEGIN is sent with the first statement of a transaction. If that statement never ran, it is sent with the next. */
import { describe, expect, test } from 'vitest'
import { OperationalError } from '../../../src-async/errors/tree.ts'
import type { SimpleQueryRequest } from '../../../src-async/wire/operations.ts'
import { FakeServer, type FakeSession } from '../pool/support.ts'

/** The BEGIN that each query of the session carries from now on; null for none. */
function begins(session: FakeSession): (string | null)[] {
  const seen: (string | null)[] = []
  const inner = session.simpleQuery.bind(session)
  session.simpleQuery = (request: SimpleQueryRequest) => {
    seen.push(request.begin)
    const isToFail = session.failure !== null
    if (request.begin !== null && !isToFail) session.transactionStatus = 'T'
    if (request.sql === 'COMMIT') session.transactionStatus = 'I'
    return inner(request)
  }
  return seen
}

describe('the BEGIN of a transaction', () => {
  test('is sent with the next statement when the first never ran', async () => {
    const server = new FakeServer()
    const con = await server.connect()
    const session = server.session(1)
    const sent = begins(session)
    await con.transaction({ isolation: 'serializable' }, async () => {
      session.failure = new OperationalError('not sent')
      await expect(con.execute('first')).rejects.toThrow('not sent')
      await con.execute('second')
      await con.execute('third')
    })
    const begin = 'BEGIN ISOLATION LEVEL SERIALIZABLE'
    expect(sent).toEqual([begin, begin, null, null])
    expect(session.transactionStatus).toBe('I')
  })

  test('does not outlive a transaction whose COMMIT failed', async () => {
    const server = new FakeServer()
    const con = await server.connect()
    const session = server.session(1)
    const sent = begins(session)
    await expect(
      con.transaction(async () => {
        await con.execute('first')
        session.failure = new OperationalError('a deferred constraint')
      }),
    ).rejects.toThrow('a deferred constraint')
    await con.execute('by itself')
    expect(sent).toEqual(['BEGIN', null, null])
  })
})
