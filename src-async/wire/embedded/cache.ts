/** Finds the folder for images of clusters: the user's cache folder. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'

/** The environment variable that names the folder for images. If it is empty, no images are kept. */
const VARIABLE = 'SYNCPG_CACHE_DIR'
/** The beginning of the string that the SQL function version() returns. */
const VERSION_MARK = '\0PostgreSQL '
const LONGEST_MAJOR = 3

/** The files of the installed PGlite package. */
export interface PackageFiles {
  readonly version: string
  /** The server's program. */
  readonly program: Buffer
}

/** The path of the image for a version; null when images are not kept. */
export function imagePath(version: string): string | null {
  const folder = cacheFolder()
  return folder === null ? null : join(folder, `pglite-${version}.image`)
}

function cacheFolder(): string | null {
  const { env, platform } = process
  const named = env[VARIABLE]
  if (named !== undefined) return named === '' ? null : named
  const base =
    platform === 'win32'
      ? env['LOCALAPPDATA']
      : platform === 'darwin'
        ? inHome('Library', 'Caches')
        : env['XDG_CACHE_HOME'] || inHome('.cache')
  // A relative path would make a cache in every directory in which a program is started.
  return base === undefined || !isAbsolute(base) ? null : join(base, 'syncpg')
}

/** A path in the user's home. Undefined when neither HOME nor /etc/passwd names a home, as in many containers. */
function inHome(...path: string[]): string | undefined {
  try {
    return join(homedir(), ...path)
  } catch {
    return undefined
  }
}

/** The major version in a server's program, for example 18; null when it is not found. */
export function serverMajor(program: Buffer): number | null {
  for (let at = program.indexOf(VERSION_MARK); at >= 0; at = program.indexOf(VERSION_MARK, at + 1)) {
    const start = at + VERSION_MARK.length
    const digits = /^\d+/.exec(program.toString('latin1', start, start + LONGEST_MAJOR))
    if (digits !== null) return Number(digits[0])
  }
  return null
}

/**
 * Reads a package's version and server program, which lie near its entry point.
 * @returns null when they are not found; then the start is slower
 */
export function packageFiles(name: string): PackageFiles | null {
  try {
    const entry = createRequire(import.meta.filename).resolve(name)
    const { version } = JSON.parse(readFileSync(join(dirname(entry), '..', 'package.json'), 'utf8')) as PackageFiles
    return { version, program: readFileSync(join(dirname(entry), 'pglite.wasm')) }
  } catch {
    return null
  }
}
