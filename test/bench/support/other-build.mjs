/**
 * Finds the build that `--against` names: a release on npm, a packed package, a checkout or an installed package, or the
 * bare `dist` folder of one.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const VERSION = /^(?:\d+\.\d+\.\d+\S*|latest|next)$/

/**
 * @param named the argument, such as `0.1.0`, `latest`, `syncpg-0.1.0.tgz`, `../syncpg-before`,
 *   `../syncpg-before/dist`
 * @returns `{ dist, dispose }`: the URL of the build's folder, and a function that removes the installation.
 * @throws Error when there is no such build.
 */
export function findBuild(named) {
  if (VERSION.test(named)) return install(`syncpg@${named}`)
  const path = resolve(named)
  if (!existsSync(path)) {
    throw new Error(`--against: expected a version, a .tgz or a folder, found "${named}", which does not exist`)
  }
  if (statSync(path).isFile()) return install(path)
  const folder = [join(path, 'dist'), path].find((candidate) => existsSync(join(candidate, 'async.js')))
  if (folder === undefined) {
    throw new Error(`--against: ${named} holds no build of syncpg; run "npm run build" in it first`)
  }
  return { dist: pathToFileURL(`${folder}/`).href, dispose() {} }
}

/** Installs into a separate folder outside of this project, so that the package finds its own dependencies. */
function install(what) {
  const folder = mkdtempSync(join(tmpdir(), 'syncpg-against-'))
  const dispose = () => rmSync(folder, { recursive: true, force: true })
  const { status, stderr, error } = spawnSync('npm', ['install', '--prefix', folder, '--no-audit', '--no-fund', what], {
    encoding: 'utf8',
    shell: process.platform === 'win32',
  })
  if (status !== 0) {
    dispose()
    throw new Error(
      `--against: npm could not install ${what}: ${error?.message ?? stderr.split('\n').slice(0, 3).join(' ')}`,
    )
  }
  return { dist: pathToFileURL(join(folder, 'node_modules', 'syncpg', 'dist', '/')).href, dispose }
}
