/**
 * Finds a password in a password file. A file that is missing or unreadable is ignored, and so is one that other users
 * can read, with a warning. Source of truth: PostgreSQL manual, "The Password File".
 */
import { readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { HostAddress } from './session-options.ts'

export interface PassfileQuery {
  readonly hosts: readonly HostAddress[]
  readonly database: string
  readonly user: string
}

/** The password of the first host that has a line, or null. */
export function readPassword(path: string, query: PassfileQuery, platform: NodeJS.Platform): string | null {
  const text = readPrivateFile(path, platform)
  if (text === null) return null
  const lines = text.split(/\r?\n/).flatMap((line) => parseLine(line) ?? [])
  for (const host of query.hosts) {
    for (const { fields, password } of lines) if (matches(fields, host, query)) return password
  }
  return null
}

function readPrivateFile(path: string, platform: NodeJS.Platform): string | null {
  try {
    const mode = statSync(path, { throwIfNoEntry: false })?.mode
    if (mode === undefined) return null
    if ((mode & 0o170000) !== 0o100000) return warn(`password file ${JSON.stringify(path)} is not a plain file`)
    if (platform !== 'win32' && (mode & 0o077) !== 0) {
      return warn(
        `password file ${JSON.stringify(path)} has group or world access; permissions should be u=rw (0600) or less`,
      )
    }
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

function warn(message: string): null {
  process.emitWarning(`${message}; it is ignored`, 'SyncpgWarning')
  return null
}

interface PassfileLine {
  readonly fields: readonly string[]
  readonly password: string
}

/** Reads `host:port:database:user:password`. A backslash escapes the next character. */
function parseLine(line: string): PassfileLine | null {
  if (line.trim() === '' || line.startsWith('#')) return null
  const match = /^((?:[^:\\]|\\[^])*):((?:[^:\\]|\\[^])*):((?:[^:\\]|\\[^])*):((?:[^:\\]|\\[^])*):([^]*)$/.exec(line)
  if (match === null) return null
  // The password reaches to the end of the line. libpq ends it at a colon, but a colon is more likely a part of the
  // password.
  const [, ...parts] = match
  return { fields: parts.slice(0, 4), password: unescape(parts[4] ?? '') }
}

function unescape(text: string): string {
  return text.replaceAll(/\\([^])/g, '$1')
}

function matches(fields: readonly string[], address: HostAddress, { database, user }: PassfileQuery): boolean {
  if (address.kind === 'pglite') return false
  const isSocket = address.kind === 'unix'
  const hosts = isSocket ? ['localhost', address.path, dirname(address.path)] : [address.host]
  const port = isSocket ? (/\.(\d+)$/.exec(address.path)?.[1] ?? '') : String(address.port)
  const wanted = [hosts, [port], [database], [user]]
  return fields.every((field, index) => field === '*' || wanted[index]?.includes(unescape(field)) === true)
}
