import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

import { Client } from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { startProxy } from './proxy.ts'
import type { FaultProxy } from './proxy.ts'
import { sharedServer } from './shared-server.ts'

describe('between a client and an echo', () => {
  let echo: Server
  let proxy: FaultProxy
  let client: Socket
  const received: Buffer[] = []
  let upstream: Socket | undefined

  beforeEach(async () => {
    echo = createServer({ allowHalfOpen: true }, (socket) => {
      upstream = socket
      socket.on('error', () => {})
      socket.on('data', (chunk: Buffer) => socket.write(chunk))
    }).listen(0, '127.0.0.1')
    await once(echo, 'listening')
    proxy = await startProxy({ host: '127.0.0.1', port: (echo.address() as AddressInfo).port })
    received.length = 0
    client = connect({ host: proxy.host, port: proxy.port, allowHalfOpen: true })
    client.on('error', () => {})
    client.on('data', (chunk: Buffer) => received.push(chunk))
    await once(client, 'connect')
  })
  afterEach(async () => {
    client.destroy()
    await proxy.close()
    echo.close()
  })

  const text = (): string => Buffer.concat(received).toString()

  test('bytes come back unchanged and in order, in pieces of the wanted size', async () => {
    proxy.setFaults('both', { chunkBytes: 3 })
    const sent = 'abcdefghijklmnopqrstuvwxyz'.repeat(40)
    client.write(sent)
    await expect.poll(text).toBe(sent)
    expect(proxy.forwardedBytes).toEqual({ toServer: sent.length, toClient: sent.length })
  })

  test('large transfers reach a slow reader complete', async () => {
    const sent = Buffer.alloc(4 * 1024 * 1024, 'x')
    client.write(sent)
    await expect.poll(() => received.reduce((sum, chunk) => sum + chunk.length, 0)).toBe(sent.length)
  })

  test('latency applies to each direction', async () => {
    proxy.setFaults('both', { latencyMs: 40 })
    const startedAtMs = performance.now()
    client.write('x')
    await once(client, 'data')
    // Timers may fire a millisecond early.
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(78)
  })

  test('chunks sent one after the other are delayed together', async () => {
    proxy.setFaults('toServer', { latencyMs: 50 })
    const startedAtMs = performance.now()
    const sent = '0123456789'
    for (const letter of sent) {
      client.write(letter)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await expect.poll(text, { interval: 5 }).toBe(sent)
    // Ten delays in a row would take ten times fifty.
    expect(performance.now() - startedAtMs).toBeLessThan(400)
  })

  test('a black hole drops all bytes and keeps the connection open', async () => {
    proxy.setFaults('toServer', { isBlackHole: true })
    client.write('lost')
    proxy.setFaults('toServer', {})
    // Bytes after the black hole arrive, so the silence came from the black hole and not from a delay.
    await expect
      .poll(() => {
        client.write('x')
        return text()
      })
      .toMatch(/^(lost)?x+$/)
  })

  test('a cut lets exactly the allowed bytes through, then the connection is over', async () => {
    proxy.setFaults('toClient', { cutAfterBytes: 5 })
    // libuv reports a reset as a plain end when the last bytes arrive in the same poll.
    const over = new Promise<void>((resolve) => client.once('end', resolve).once('close', () => resolve()))
    client.write('0123456789')
    await over
    expect(text()).toBe('01234')
  })

  test('a reset reaches both ends', async () => {
    client.write('x')
    await once(client, 'data')
    const upstreamClosed = new Promise<void>((resolve) => upstream!.once('close', () => resolve()))
    const failed = once(client, 'error')
    proxy.reset()
    const [error] = (await failed) as [NodeJS.ErrnoException]
    await upstreamClosed
    expect(error.code).toBe('ECONNRESET')
  })

  test("a half-closed connection ends for the client's reads, and it may still write", async () => {
    client.write('x')
    await once(client, 'data')
    const ended = once(client, 'end')
    proxy.halfClose()
    await ended
    const heard = once(upstream!, 'data')
    client.write('still here')
    expect(String((await heard)[0])).toBe('still here')
  })

  test('a refusing proxy accepts no new connection and keeps the old ones', async () => {
    await proxy.refuse()
    const late = connect(proxy.port, proxy.host)
    const [error] = (await once(late, 'error')) as [NodeJS.ErrnoException]
    client.write('x')
    await once(client, 'data')
    expect(error.code).toBe('ECONNREFUSED')
  })
})

test('a PostgreSQL client works through the proxy, one byte at a time', async () => {
  const server = sharedServer()
  const proxy = await startProxy(server)
  proxy.setFaults('both', { chunkBytes: 1 })
  const { user, password, database } = server
  const client = new Client({ host: proxy.host, port: proxy.port, user, password, database })
  await client.connect()
  const { rows } = await client.query<{ length: number }>("select length(repeat('x', 500))")
  await client.end()
  await proxy.close()
  expect(rows).toEqual([{ length: 500 }])
})
