// The terminal's tests on other versions of Node: `node test/longer/node-versions.mjs [22 24 26 …]`. Not part of
// `npm test`: it downloads them.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

import { installNode } from './install-node.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const majors = process.argv.length > 2 ? process.argv.slice(2) : ['20', '22', '24', '26']

let failed = 0
for (const major of majors) {
  const node = installNode(major)
  if (node === null) continue
  process.stdout.write(`Node ${node.version}\n`)
  const args = ['vitest', 'run', '--project', 'server', 'test/integration/blocking/terminal.test.ts']
  const { status } = spawnSync('npx', args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, SYNCPG_TEST_NODE: node.path },
  })
  if (status !== 0) failed += 1
}
process.exitCode = failed === 0 ? 0 : 1
