/** A stream of notifications goes on when its connection is lost. */
import { expect, test } from 'vitest'

import {
  type NotificationGap,
  type NotificationStream,
  OperationalError,
  ProgrammingError,
  connect,
  listen,
} from 'syncpg/async'

import { startServer } from '../../support/postgres-server.ts'
import { askServer, sharedServer } from '../../support/shared-server.ts'

test('a stream gives notifications in order, also of channels that are added and removed later', async () => {
  const dsn = sharedServer().dsn()
  await using stream = await listen(dsn, { channels: ['stream a'] })
  await stream.add('stream b')
  const sender = await connect(dsn)
  const send = (channel: string, payload: string) => sender.fetch('select pg_notify($1, $2)', [channel, payload])
  const notifications = stream[Symbol.asyncIterator]()
  const heard = async () => (await notifications.next()).value?.payload
  await send('stream a', '1')
  await send('stream b', '2')
  // The test waits until it has arrived, because a session that stops listening does not get notifications that the
  // server has not sent yet.
  expect([await heard(), await heard()]).toEqual(['1', '2'])
  await stream.remove('stream a')
  await send('stream a', 'unheard')
  await send('stream b', '3')
  expect(await heard()).toBe('3')
  await sender.close()
})

test('a stream connects again after the server was away, listens again and reports the gap', async () => {
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

test('closing a stream ends its iteration', async () => {
  const stream = await listen(sharedServer().dsn(), { channels: ['quiet'] })
  const read = (async () => {
    for await (const _ of stream) void _
    return 'ended'
  })()
  await stream.close()
  await stream.close()
  expect(await read).toBe('ended')
})

test('a stream fails instead of filling the memory when no loop reads it', async () => {
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

const DONE = { done: true, value: undefined }

/** The payloads that a loop gets until one is `last`. */
async function payloads(stream: NotificationStream, last: string): Promise<string[]> {
  const heard: string[] = []
  for await (const { payload } of stream) {
    heard.push(payload)
    if (payload === last) break
  }
  return heard
}

const send = (channel: string, count: number): Promise<object[]> =>
  askServer(sharedServer(), `select pg_notify('${channel}', i::text) from generate_series(1, ${count}) i`)

test('two loops over one stream, and one over another stream, each get every notification', async () => {
  await using one = await listen(sharedServer().dsn(), { channels: ['shared'] })
  await using other = await listen(sharedServer().dsn(), { channels: ['shared'] })
  const loops = [payloads(one, '5'), payloads(one, '5'), payloads(other, '5')]
  await send('shared', 5)
  const all = ['1', '2', '3', '4', '5']
  expect(await Promise.all(loops)).toEqual([all, all, all])
})

test('a loop that ends does not disturb another one, and its waiting step settles', async () => {
  await using stream = await listen(sharedServer().dsn(), { channels: ['left'] })
  const stays = payloads(stream, '3')
  const leaves = stream[Symbol.asyncIterator]()
  const waiting = leaves.next()
  expect([await leaves.return(undefined), await waiting, await leaves.next()]).toEqual([DONE, DONE, DONE])
  await send('left', 3)
  expect(await stays).toEqual(['1', '2', '3'])
})

test('a loop begins with the notifications that no loop has read', async () => {
  await using stream = await listen(sharedServer().dsn(), { channels: ['rest'] })
  await send('rest', 3)
  expect(await payloads(stream, '1')).toEqual(['1'])
  expect(await payloads(stream, '3')).toEqual(['2', '3'])
})

test('closing the stream settles every step that waits', async () => {
  const stream = await listen(sharedServer().dsn(), { channels: ['closing'] })
  const [one, other] = [stream[Symbol.asyncIterator](), stream[Symbol.asyncIterator]()]
  const steps = [one.next(), other.next(), other.next()]
  // Lets the event loop turn, so that each step has begun to wait.
  await new Promise(setImmediate)
  await stream.close()
  expect(await Promise.all(steps)).toEqual([DONE, DONE, DONE])
})

test('a loop that falls too far behind another one fails, and the other one continues', async () => {
  await using stream = await listen(sharedServer().dsn(), { channels: ['slow'], maxQueued: 10 })
  const slow = stream[Symbol.asyncIterator]()
  const quick = stream[Symbol.asyncIterator]()
  for (let i = 1; i <= 11; i++) {
    await send('slow', 1)
    expect(await quick.next()).toMatchObject({ done: false, value: { payload: '1' } })
  }
  await expect(slow.next()).rejects.toThrow(OperationalError)
  expect(await slow.next()).toEqual(DONE)
  await send('slow', 1)
  expect([await quick.next(), stream.isClosed]).toMatchObject([{ done: false }, false])
})

test('a channel name may have 63 bytes; a longer one is refused before anything is sent', async () => {
  const longest = `${'ä'.repeat(31)}x`
  const tooLong = 'ä'.repeat(32)
  await expect(listen('postgres://nobody@127.0.0.1:1/none', { channels: [tooLong] })).rejects.toThrow(ProgrammingError)
  await using stream = await listen(sharedServer().dsn(), { channels: [longest] })
  const heard = payloads(stream, '1')
  await send(longest, 1)
  expect(await heard).toEqual(['1'])
  const refusal = /the channel name is 64 bytes long, and PostgreSQL takes 63 bytes at most/
  await expect(stream.add(tooLong)).rejects.toThrow(refusal)
  await expect(stream.remove(tooLong)).rejects.toThrow(refusal)
  expect(stream.channels).toEqual([longest])

  await using con = await connect(sharedServer().dsn())
  con.addLogListener((_, { message }) => expect.unreachable(message))
  const nothing = (): void => {}
  await expect(con.addListener(tooLong, nothing)).rejects.toThrow(refusal)
  await expect(con.removeListener(tooLong, nothing)).rejects.toThrow(refusal)
  expect(await con.fetchval('select count(*)::int from pg_listening_channels()')).toBe(0)
})
