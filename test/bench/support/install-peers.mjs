/**
 * Installs the clients to compare with into test/bench/node_modules, once for each list of them. One that cannot be built is
 * left out, and is not tried again by every run: the list that was installed is kept beside them.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const LIST = new URL('../package.json', import.meta.url)
const INSTALLED = new URL('../node_modules/.installed-list.json', import.meta.url)
const folder = fileURLToPath(new URL('..', import.meta.url))

/** @throws Error with npm's words when nothing could be installed at all. */
export async function installPeers() {
  const list = readFileSync(LIST, 'utf8')
  if (existsSync(INSTALLED) && readFileSync(INSTALLED, 'utf8') === list) return
  console.log('installing the clients to compare with into test/bench/node_modules …')
  const { status, stderr, error } = spawnSync('npm', ['install', '--no-audit', '--no-fund'], {
    cwd: folder,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  })
  if (status !== 0) throw new Error(`npm install in test/bench failed: ${error?.message ?? stderr}`)
  writeFileSync(INSTALLED, list)
}
