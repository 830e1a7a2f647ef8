/**
 * Installs the clients to compare with into test/bench/node_modules, once for each list of them. A client that cannot
 * be built is left out. Later runs do not try it again, because the installed list is stored beside the packages.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const LIST = new URL('../package.json', import.meta.url)
const INSTALLED = new URL('../node_modules/.installed-list.json', import.meta.url)
const folder = fileURLToPath(new URL('..', import.meta.url))

/** @throws Error with npm's message when no client could be installed */
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
