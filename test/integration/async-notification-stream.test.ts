/** A stream of notifications outlives its connections. */
import { expect, test } from 'vitest'

import { type NotificationGap, OperationalError, connect, listen } from 'syncpg/async'

import { startServer } from '../support/postgres-server.ts'
import { askServer, sharedServer } from '../support/shared-server.ts'

test('gives notifications in order, of channels added and removed on the way', async () => {
  const dsn = sharedServer().dsn()
  await using stream = await listen(dsn, { channels: ['stream a'] })
  await stream.add('stream b')
  const sender = await connect(dsn)
  const send = (channel: string, payload: string) => sender.fetch('select pg_notify($1, $2)', [channel, payload])
  const notifications = stream[Symbol.asyncIterator]()
  const heard = async () => (await notifications.next()).value?.payload
  await send('stream a', '1')
  await send('stream b', '2')
  // Heard before the next step: a session that stops to listen gets nothing of what the server had not handed over yet.
  expect([await heard(), await heard()]).toEqual(['1', '2'])
  await stream.remove('stream a')
  await send('stream a', 'unheard')
  await send('stream b', '3')
  expect(await heard()).toBe('3')
  await sender.close()
})

test('comes back after the server was away, listens again and tells of the gap', async () => {
  const server = await startServer({})
  let tell: (gap: NotificationGap) => void = () => {}
  const gap = new Promise<NotificationGap>((resolve) => {
    tell = resolve
  })
  await using stream = await listen(server.dsn(), { channels: ['c'], onGap: tell })
  await server.restart()
  expect(await gap).toMatchObject({ elapsed: expect.any(Number), reason: expect.any(Error) })
  await askServer(server, `select pg_notify('c', 'after')`)
  for await (const { payload } of stream) {
    expect(payload).toBe('after')
    break
  }
  await server.dispose()
})

test('ends its iteration when it is closed', async () => {
  const stream = await listen(sharedServer().dsn(), { channels: ['quiet'] })
  const read = (async () => {
    for await (const _ of stream) void _
    return 'ended'
  })()
  await stream.close()
  await stream.close()
  expect(await read).toBe('ended')
})

test('fails instead of filling memory when nobody reads', async () => {
  await using stream = await listen(sharedServer().dsn(), { channels: ['flood'], maxQueued: 10 })
  await askServer(sharedServer(), `select pg_notify('flood', i::text) from generate_series(1, 11) i`)
  await expect.poll(() => stream.isClosed).toBe(true)
  const heard: string[] = []
  const read = async () => {
    for await (const { payload } of stream) heard.push(payload)
  }
  await expect(read()).rejects.toThrow(OperationalError)
  expect(heard).toHaveLength(10)
})
