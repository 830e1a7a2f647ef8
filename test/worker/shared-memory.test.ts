/** The shared memory of ended sessions is used again or released, even if many were open at once. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { expect, test } from 'vitest'

import { runScript } from '../support/run-script.ts'

/** Opens more sessions at once than blocks are kept. They need no server, because the worker only gets their memory. */
const SCRIPT = `
import { readFileSync } from 'node:fs'
import { WORD } from './worker/channel/layout.ts'
import { workerHost } from './worker/caller/worker-host.ts'
import { DEPARTURE } from './worker/turn/turn.ts'
const megabytes = () => Number(/VmSize:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024
const host = workerHost()
let before = 0
let least = Infinity
for (let round = 0; round < 20; round++) {
  const sessions = Array.from({ length: 100 }, () => host.join(1 << 24, ''))
  for (const { block: { words }, retire } of sessions) {
    Atomics.store(words, WORD.departure, DEPARTURE.asked)
    host.ring()
    Atomics.wait(words, WORD.departure, DEPARTURE.asked, 5000)
    retire()
  }
  globalThis.gc()
  await new Promise((resolve) => setTimeout(resolve, 50))
  if (round === 2) before = megabytes()
  // The garbage collector of the worker runs at any time, so the least of several values counts.
  if (round >= 10) least = Math.min(least, megabytes())
}
console.log(Math.round(least - before))
process.exit()
`

test.skipIf(!existsSync('/proc/self/status'))(
  'the memory of a hundred sessions is freed, twenty times in turn',
  async () => {
    const env = { SYNCPG_WORKER: fileURLToPath(new URL('../../dist/worker.cjs', import.meta.url)) }
    const run = await runScript(SCRIPT, { nodeOptions: ['--import', 'tsx', '--expose-gc'], env, timeoutMs: 40_000 })
    expect(run).toMatchObject({ stderr: '', status: 0 })
    // If memory were not released, it would be 4,608 MB: 36 blocks of 16 MB in each of eight rounds.
    expect(Number(run.stdout)).toBeLessThan(3000)
  },
)
