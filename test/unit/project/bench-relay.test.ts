/** Tests the relay that makes a server seem far away: the benchmarks with a server 1 ms and 20 ms away use it. */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'

// The benchmarks are plain scripts without types.
const { startDelayingRelay } = await import(new URL('../../bench/support/delaying-relay.mjs', import.meta.url).href)

async function echoBehindRelay(roundTripMs: number): Promise<Socket> {
  const echo = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1')
  await once(echo, 'listening')
  const { port } = echo.address() as AddressInfo
  const relay = await startDelayingRelay({ host: '127.0.0.1', port, roundTripMs })
  const socket = connect({ host: '127.0.0.1', port: relay.port, noDelay: true })
  onTestFinished(async () => {
    socket.destroy()
    await relay.close()
    echo.close()
  })
  await once(socket, 'connect')
  return socket
}

async function answerTo(socket: Socket, text: string): Promise<number> {
  const startedAtMs = performance.now()
  socket.write(text)
  expect(String((await once(socket, 'data'))[0])).toBe(text)
  return performance.now() - startedAtMs
}

test.each([1, 20])('an answer takes %i ms or more', async (roundTripMs) => {
  const socket = await echoBehindRelay(roundTripMs)
  // The first one also waits for the relay's own connection.
  await answerTo(socket, 'first')
  const tookMs: number[] = []
  for (let i = 0; i < 5; i += 1) tookMs.push(await answerTo(socket, `${i}`))
  expect(Math.min(...tookMs)).toBeGreaterThanOrEqual(roundTripMs)
})

test('bytes that are sent without waiting arrive together, and in order', async () => {
  const socket = await echoBehindRelay(20)
  await answerTo(socket, 'first')
  let received = ''
  socket.on('data', (chunk) => (received += String(chunk)))
  const startedAtMs = performance.now()
  for (let i = 0; i < 50; i += 1) socket.write(`${i},`)
  while (!received.endsWith('49,')) await once(socket, 'data')
  expect(received).toBe(Array.from({ length: 50 }, (_, i) => `${i},`).join(''))
  // One after another they would take a second.
  expect(performance.now() - startedAtMs).toBeLessThan(500)
})

test('the end of one side reaches the other side', async () => {
  const socket = await echoBehindRelay(1)
  await answerTo(socket, 'first')
  socket.end()
  socket.resume()
  await once(socket, 'close')
})
