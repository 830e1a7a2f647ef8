/** Whom and what a session is asked for, as `con.info` shows it. */
import type { SessionOptions } from './session-options.ts'

/** @returns the host and the port only where one host was named: of several nobody knows yet which one answers. */
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
