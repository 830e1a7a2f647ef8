// Builds the package `kerberos`, an optional peer, for the tests that need it. It is installed beside the dependencies
// and not among them: building it takes a compiler and the headers of Kerberos (Debian: apt-get install libkrb5-dev),
// which `npm ci` must not ask for. Run by `npm run kerberos`; prints in one line what is missing.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const VERSION = '7.0.0'
const folder = fileURLToPath(new URL('../../node_modules/.cache/syncpg-kerberos', import.meta.url))
const home = join(folder, 'node_modules', 'kerberos')
const npm = process.env.npm_execpath ?? ''
const nodeGyp = join(dirname(npm), '..', 'node_modules', 'node-gyp', 'bin', 'node-gyp.js')
const nodeDirectory = dirname(dirname(process.execPath))

function run(file, args, cwd) {
  execFileSync(process.execPath, [file, ...args], { cwd, stdio: ['ignore', 'ignore', 'pipe'], timeout: 240_000 })
}

try {
  if (!existsSync(nodeGyp)) throw new Error('run it as: npm run kerberos')
  if (!existsSync(join(nodeDirectory, 'include', 'node', 'node_api.h'))) {
    throw new Error(`the headers of Node.js are not in ${nodeDirectory}/include/node`)
  }
  if (!existsSync(join(home, 'build', 'Release', 'kerberos.node'))) {
    mkdirSync(folder, { recursive: true })
    // The package's own install script would download a binary.
    const install = ['install', '--prefix', folder, '--ignore-scripts', '--no-save', '--no-audit', '--no-fund']
    run(npm, [...install, `kerberos@${VERSION}`], folder)
    run(nodeGyp, ['rebuild', `--nodedir=${nodeDirectory}`], home)
  }
} catch (error) {
  const said = error.stderr?.toString().trim().split('\n')
  const reason = said?.find((line) => /error/i.test(line)) ?? error.message
  console.error(`the package kerberos could not be built: ${reason}`)
  process.exitCode = 1
}
