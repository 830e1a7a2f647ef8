/** The versions of what a peer of Node is made of, from the packages that are loaded. */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const require = createRequire(import.meta.url)

/** @returns such as `pg 8.23.1`. */
export function versionOf(peer) {
  if (peer.dist !== undefined) return `syncpg ${buildVersion(peer.dist)}`
  return peer.packages.map(packageVersion).join(', ')
}

/** A dist folder that was copied somewhere has no package.json beside it. */
function buildVersion(dist) {
  const manifest = new URL('../package.json', dist)
  return existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).version : 'of unknown version'
}

/** The folder is searched for from the package's entry, because not every package shows its package.json. */
function packageVersion(name) {
  for (let folder = dirname(require.resolve(name)); folder !== dirname(folder); folder = dirname(folder)) {
    try {
      const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
      if (manifest.name === name) return `${name} ${manifest.version}`
    } catch {
      // Not this folder.
    }
  }
  return name
}
