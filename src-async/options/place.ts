/** The user, database, host and port of a session, as `con.info` shows them. */
import type { SessionOptions } from './session-options.ts'

/** @returns null for host and port when there are several hosts, because it is not known yet which one answers. */
export function placeOf({ user, database, hosts }: SessionOptions): {
  readonly user: string
  readonly database: string
  readonly host: string | null
  readonly port: number | null
} {
  const only = hosts.length === 1 ? hosts[0] : undefined
  if (only?.kind === 'tcp') return { user, database, host: only.host, port: only.port }
  const socket = only?.kind === 'unix' ? /^(.*)\/\.s\.PGSQL\.(\d+)$/.exec(only.path) : null
  return { user, database, host: socket?.[1] ?? null, port: socket === null ? null : Number(socket[2]) }
}
