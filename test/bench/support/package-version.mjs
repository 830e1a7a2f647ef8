/** The versions of what a peer of Node is made of, from the packages that are loaded. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const require = createRequire(import.meta.url)

/** @returns such as `pg 8.23.1`. */
export function versionOf(peer) {
  if (peer.dist !== undefined) {
    return `syncpg ${JSON.parse(readFileSync(new URL('../package.json', peer.dist), 'utf8')).version}`
  }
  return peer.packages.map(packageVersion).join(', ')
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
