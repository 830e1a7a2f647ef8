// The chaos tests with more runs than in `npm test`: `npm run test:chaos [-- runs]`. It runs thousands of statements
// over networks that fail, with and without TLS; cuts a connection after each of its bytes; lets thousands of time
// limits pass when their statement ends; and compares a thousand runs of the pool with its model. Not part of `npm
// test`: it takes a quarter of an hour.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const runs = Number(process.argv[2] ?? 3000)
const { status } = spawnSync(
  'npx',
  [
    'vitest',
    'run',
    'test/integration/failures/chaos-async.test.ts',
    'test/integration/failures/chaos-blocking.test.ts',
    'test/integration/failures/cancel-race.test.ts',
    'test/unit/pool/model.test.ts',
  ],
  {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    stdio: 'inherit',
    env: {
      ...process.env,
      CHAOS_RUNS: String(runs),
      CHAOS_EVERY_BYTE: '1',
      CANCEL_RACES: String(runs),
      POOL_RUNS: String(Math.ceil(runs / 3)),
    },
  },
)
process.exitCode = status ?? 1
