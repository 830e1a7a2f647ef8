/** Installs the clients to compare with into test/bench/node_modules, once. One that cannot be built is left out. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('..', import.meta.url))

/** @throws Error with npm's words when nothing could be installed at all. */
export async function installPeers() {
  if (existsSync(new URL('../node_modules/pg/package.json', import.meta.url))) return
  console.log('installing the clients to compare with into test/bench/node_modules …')
  const { status, stderr, error } = spawnSync('npm', ['install', '--no-audit', '--no-fund'], {
    cwd: folder,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  })
  if (status !== 0) throw new Error(`npm install in test/bench failed: ${error?.message ?? stderr}`)
}
