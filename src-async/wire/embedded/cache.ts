/** Where images of clusters are kept: a folder of the user's, as the system has one for what can be made again. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'

/** Folder for images; empty for none. */
const VARIABLE = 'SYNCPG_CACHE_DIR'
/** Begins the string that the SQL function version() gives. */
const VERSION_MARK = '\0PostgreSQL '
const LONGEST_MAJOR = 3

/** The files of the installed package; null where they are not as expected, which costs time and nothing else. */
export interface PackageFiles {
  readonly version: string
  /** The server's program. */
  readonly program: Buffer
}

/** The path for the images of a version; null when none are to be kept. */
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
  // A relative path would leave a cache in every directory that a program is started in.
  return base === undefined || !isAbsolute(base) ? null : join(base, 'syncpg')
}

/** A path in the user's home. Undefined when HOME is not set and /etc/passwd has no line for the user, as in many containers. */
function inHome(...path: string[]): string | undefined {
  try {
    return join(homedir(), ...path)
  } catch {
    return undefined
  }
}

/** The major version of a server's program, 18 for instance; null when the program does not say. */
export function serverMajor(program: Buffer): number | null {
  for (let at = program.indexOf(VERSION_MARK); at >= 0; at = program.indexOf(VERSION_MARK, at + 1)) {
    const start = at + VERSION_MARK.length
    const digits = /^\d+/.exec(program.toString('latin1', start, start + LONGEST_MAJOR))
    if (digits !== null) return Number(digits[0])
  }
  return null
}

/** Finds the files of a package beside its entry. */
export function packageFiles(name: string): PackageFiles | null {
  try {
    const entry = createRequire(import.meta.filename).resolve(name)
    const { version } = JSON.parse(readFileSync(join(dirname(entry), '..', 'package.json'), 'utf8')) as PackageFiles
    return { version, program: readFileSync(join(dirname(entry), 'pglite.wasm')) }
  } catch {
    return null
  }
}
