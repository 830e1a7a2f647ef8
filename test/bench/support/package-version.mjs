/** The versions of the packages that a client in Node loads. */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const require = createRequire(import.meta.url)

/** @returns names and versions, such as `pg 8.23.1` */
export function versionOf(peer) {
  if (peer.dist !== undefined) return `syncpg ${buildVersion(peer.dist)}`
  return peer.packages.map(packageVersion).join(', ')
}

/** The version of a build. A copied dist folder has no package.json beside it. */
function buildVersion(dist) {
  const manifest = new URL('../package.json', dist)
  return existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).version : 'of unknown version'
}

/** Searches for package.json upwards from the package's entry point, because not every package exports it. */
function packageVersion(name) {
  for (let folder = dirname(require.resolve(name)); folder !== dirname(folder); folder = dirname(folder)) {
    try {
      const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
      if (manifest.name === name) return `${name} ${manifest.version}`
    } catch {
      // This folder has no package.json.
    }
  }
  return name
}
