/** Parses the version that a server reports: PostgreSQL's, and those of related servers with the same numbering. */
import { InterfaceError } from './errors/tree.ts'

/** The version of a server in parts. */
export interface ServerVersion {
  /** 17 of `17.2`, 9 of `9.6.24`. */
  readonly major: number
  /** 2 of `17.2`, 6 of `9.6.24`. */
  readonly minor: number
  /** 24 of `9.6.24`; 0 since PostgreSQL 10, whose versions have two parts. */
  readonly patch: number
  /** `beta1`, `rc2`, `devel`; `''` for a release. */
  readonly prerelease: string
  /** The full text that the server reports. */
  readonly text: string
}

const VERSION = /(\d+)(?:\.(\d+))?(?:\.(\d+))?(alpha\d*|beta\d*|rc\d*|devel)?/

/** @throws InterfaceError for a text without a number. */
export function parseServerVersion(text: string): ServerVersion {
  const found = VERSION.exec(text)
  if (found === null) {
    throw new InterfaceError(`the server's version cannot be read: ${JSON.stringify(text.slice(0, 40))}`)
  }
  const [, major, minor = '0', patch = '0', prerelease = ''] = found
  return { major: Number(major), minor: Number(minor), patch: Number(patch), prerelease, text }
}
