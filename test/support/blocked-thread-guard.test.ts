import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

import { expect, test } from 'vitest'

test('a test that blocks its thread forever is named, and the run ends and fails', () => {
  const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url))
  const config = fileURLToPath(new URL('fixtures/vitest.config.ts', import.meta.url))
  const { status, stdout, stderr } = spawnSync(process.execPath, [vitest, 'run', '--config', config], {
    env: { PATH: process.env['PATH'], SYNCPG_TEST_BLOCK_LIMIT_MS: '1000' },
    encoding: 'utf8',
    timeout: 18_000,
  })
  expect(stdout + stderr).toMatch(/blocked for 1000 ms.*blocked\.fixture\.ts > waits for ever/)
  expect(status).toBe(1)
})
