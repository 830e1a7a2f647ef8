/**
 * Turns names and ports into the addresses to try. Knows the forms of a host (name, address, socket directory) and
 * where servers listen by default. Opens no connection. Source of truth: PostgreSQL manual, "Specifying Multiple
 * Hosts".
 */
import { clip } from '../errors/describe-value.ts'
import { isAbsolute } from 'node:path'
import { ClientConfigurationError } from '../errors/tree.ts'
import type { HostAddress } from './session-options.ts'

/** A host as written. `port` is the port written with it, or null. */
export interface HostSpec {
  readonly host: string
  readonly port: string | null
}

export const DEFAULT_PORT = 5432
const SOCKET_DIRECTORIES = ['/run/postgresql', '/var/run/postgresql', '/tmp', '/private/tmp']
const SOCKET_FILE = '.s.PGSQL.'

/** Whether a host is a Unix socket: a path, or a name with `@` for a socket of Linux's abstract namespace. */
export function isSocketHost(host: string): boolean {
  return host.startsWith('/') || host.startsWith('@') || isAbsolute(host)
}

/**
 * Reads `name`, `name:port`, `[ipv6]`, `[ipv6]:port`, a bare IPv6 address, or a path (colons in a path are part of it).
 */
export function parseHostSpec(text: string): HostSpec {
  if (isSocketHost(text)) return { host: text, port: null }
  const bracketed = /^\[([^\]]*)\](?::(\d*))?$/.exec(text)
  if (bracketed !== null) return { host: bracketed[1] ?? '', port: bracketed[2] || null }
  if (text.startsWith('[')) {
    throw new ClientConfigurationError(`invalid host ${JSON.stringify(clip(text))}: the bracket does not close`)
  }
  const named = /^([^:]*):(\d+)$/.exec(text)
  return named === null ? { host: text, port: null } : { host: named[1] ?? '', port: named[2] ?? null }
}

/**
 * An empty text gives the default port.
 * @throws ClientConfigurationError unless the text is a number from 1 to 65535.
 */
export function parsePort(text: string): number {
  const trimmed = text.trim()
  if (trimmed === '') return DEFAULT_PORT
  const port = /^\d{1,5}$/.test(trimmed) ? Number(trimmed) : 0
  if (port >= 1 && port <= 65535) return port
  throw new ClientConfigurationError(`port: expected a number from 1 to 65535, got ${JSON.stringify(clip(text))}`)
}

/** One port for each host. The list has as many ports as there are hosts, or one for all. */
export function spreadPorts(ports: string, hostCount: number): string[] {
  const list = ports.split(',')
  if (list.length === hostCount) return list
  if (list.length === 1) return Array.from({ length: hostCount }, () => ports)
  throw new ClientConfigurationError(`could not match ${list.length} port numbers to ${hostCount} hosts`, {
    hint: 'give one port for each host, or one for all',
  })
}

/** The address of one host. `address`, if given, is the IP address to connect to, so that the name is not looked up. */
export function toAddress(host: string, port: number, address?: string): HostAddress {
  if (address !== undefined) return { kind: 'tcp', host: host === '' ? address : host, port, address }
  if (host === '') return { kind: 'tcp', host: 'localhost', port }
  if (!isSocketHost(host)) return { kind: 'tcp', host, port }
  if (host.includes(SOCKET_FILE)) return { kind: 'unix', path: host }
  const path = `${host.replace(/\/+$/, '')}/${SOCKET_FILE}${port}`
  // Node writes an abstract name with a zero byte where libpq writes @.
  return { kind: 'unix', path: path.startsWith('@') ? `\0${path.slice(1)}` : path }
}

/** The addresses to try when no host is given: the usual sockets, then TCP. On Windows TCP only. */
export function defaultAddresses(port: number, platform: NodeJS.Platform): HostAddress[] {
  const sockets = platform === 'win32' ? [] : SOCKET_DIRECTORIES.map((directory) => toAddress(directory, port))
  return [...sockets, toAddress('localhost', port)]
}

/** The addresses in random order, for `load_balance_hosts=random`. */
export function shuffled<T>(addresses: readonly T[]): T[] {
  const result = [...addresses]
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1))
    const [left, right] = [result[last], result[other]]
    if (left !== undefined && right !== undefined) [result[last], result[other]] = [right, left]
  }
  return result
}
