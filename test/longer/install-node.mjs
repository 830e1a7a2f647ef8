/**
 * Installs versions of Node from the npm registry, each in its own folder outside of the package. They are kept for
 * the next run.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = process.env.SYNCPG_NODES ?? join(tmpdir(), 'syncpg-nodes')

/**
 * @returns the path of the program and its version (`v22.23.3`); null if it cannot be installed, after printing why.
 */
export function installNode(major) {
  const prefix = join(folder, major)
  mkdirSync(prefix, { recursive: true })
  try {
    execFileSync('npm', ['install', '--no-save', '--prefix', prefix, `node@${major}`], { stdio: 'pipe' })
    const path = join(prefix, 'node_modules', 'node', 'bin', 'node')
    return { path, version: execFileSync(path, ['--version'], { encoding: 'utf8' }).trim() }
  } catch (error) {
    process.stdout.write(`Node ${major} cannot be installed here: ${String(error.message).split('\n')[0]}\n`)
    return null
  }
}
