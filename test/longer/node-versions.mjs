// The terminal's tests on other versions of Node: `node test/longer/node-versions.mjs [22 24 26 …]`. Installs each one
// from the npm registry into a folder of its own, away from the package. Not part of `npm test`: it downloads.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = process.env.SYNCPG_NODES ?? join(tmpdir(), 'syncpg-nodes')
const majors = process.argv.length > 2 ? process.argv.slice(2) : ['20', '22', '24', '26']

let failed = 0
for (const major of majors) {
  const prefix = join(folder, major)
  mkdirSync(prefix, { recursive: true })
  let node
  try {
    execFileSync('npm', ['install', '--no-save', '--prefix', prefix, `node@${major}`], { stdio: 'pipe' })
    node = join(prefix, 'node_modules', 'node', 'bin', 'node')
    process.stdout.write(`Node ${execFileSync(node, ['--version'], { encoding: 'utf8' })}`)
  } catch (error) {
    process.stdout.write(`Node ${major} cannot be installed here: ${String(error.message).split('\n')[0]}\n`)
    continue
  }
  const args = ['vitest', 'run', '--project', 'server', 'test/integration/blocking-terminal.test.ts']
  const { status } = spawnSync('npx', args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, SYNCPG_TEST_NODE: node },
  })
  if (status !== 0) failed += 1
}
process.exitCode = failed === 0 ? 0 : 1
