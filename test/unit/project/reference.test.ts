/** The reference agrees with the docstrings, and all public names have one. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { expect, test } from 'vitest'

test('docs/reference agrees with the docstrings, and every public name has one', async () => {
  const script = fileURLToPath(new URL('../../../tools/reference/write.mjs', import.meta.url))
  const run = promisify(execFile)(process.execPath, [script, '--check']).catch((error: unknown) => error)
  expect(await run).toMatchObject({ stderr: '' })
}, 180_000)
