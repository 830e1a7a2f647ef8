// A million random steps, instead of the two thousand of `npm test`: `npm run test:remembered [-- steps]`. DDL by the
// same and by another session between random statements; each outcome is compared with that of a session without a
// cache. Not part of `npm test`: it takes half an hour or more. A failure names its seed: REMEMBERED_SEED=… repeats it.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const steps = Number(process.argv[2] ?? 1_000_000)
const { status } = spawnSync('npx', ['vitest', 'run', 'test/integration/statements/remembered-random.test.ts'], {
  cwd: fileURLToPath(new URL('../..', import.meta.url)),
  stdio: 'inherit',
  env: { ...process.env, REMEMBERED_STEPS: String(steps) },
})
process.exitCode = status ?? 1
