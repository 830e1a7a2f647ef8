/**
 * Written bytes arrive unchanged, however slowly the peer reads, and even if the caller overwrites their memory after
 * the write.
 */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { SocketTransport } from '../../../src-async/wire/transport/socket.ts'

const KB = 1024

interface Pair extends AsyncDisposable {
  readonly transport: SocketTransport
  readonly peer: Socket
}

/** A Unix socket, whose kernel buffer is small. The peer does not read, so most of a big write waits in the stream. */
async function pair(): Promise<Pair> {
  const folder = mkdtempSync(join(tmpdir(), 'syncpg-socket-'))
  const path = join(folder, 's')
  const server = createServer({ pauseOnConnect: true }).listen(path)
  await once(server, 'listening')
  const accepted = once(server, 'connection')
  const transport = await SocketTransport.open({ kind: 'unix', path }, new AbortController().signal)
  const [peer] = (await accepted) as [Socket]
  return {
    transport,
    peer,
    async [Symbol.asyncDispose]() {
      transport.destroy()
      peer.destroy()
      server.close()
      await once(server, 'close')
      rmSync(folder, { recursive: true })
    },
  }
}

/** Reads until it has this many bytes, then pauses again. */
async function received(peer: Socket, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let missing = bytes
  const all = new Promise<void>((resolve) => {
    const take = (chunk: Buffer): void => {
      chunks.push(chunk)
      missing -= chunk.length
      if (missing > 0) return
      peer.off('data', take).pause()
      resolve()
    }
    peer.on('data', take).resume()
  })
  await all
  return Buffer.concat(chunks)
}

describe('bytes written to a socket', () => {
  test('arrive complete and in order if the peer reads late and the writer reuses its memory at once', async () => {
    await using both = await pair()
    const { transport, peer } = both
    const scratch = Buffer.alloc(2048 * KB)
    // From the second pass on, copies use the memory of earlier ones, which were larger or smaller.
    for (const sizes of [
      [300, 64, 65, 1, 512],
      [512, 300, 300, 2048, 0.01],
      [100, 2048, 100, 513, 400],
    ]) {
      const expected: Buffer[] = []
      let drained: Promise<void> | null = null
      for (const [i, size] of sizes.entries()) {
        const bytes = scratch.subarray(0, Math.floor(size * KB)).fill(i + 1)
        expected.push(Buffer.from(bytes))
        const isTaken = transport.write(bytes)
        scratch.fill(255)
        if (!isTaken) drained ??= new Promise((resolve) => transport.listen({ data() {}, drain: resolve, closed() {} }))
      }
      const whole = Buffer.concat(expected)
      expect((await received(peer, whole.length)).equals(whole)).toBe(true)
      expect(drained).not.toBe(null)
      await drained
    }
  })
})
