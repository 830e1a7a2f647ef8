/**
 * Has the server look now and then, while it runs a statement, whether the client is still there: a program that is killed
 * cannot cancel, and without this its statement would run on until it has something to say. Not a startup parameter, which
 * poolers and older servers refuse; see docs/decisions/connection-check.md. Source of truth: PostgreSQL manual,
 * client_connection_check_interval.
 */
import type { Session } from './session.ts'

const FIRST_VERSION = 14
const MAX_INTERVAL_MS = 2 ** 31 - 1

/** @param intervalMs 0 for leaving the server as it is; it is left too where somebody has set an interval already. */
export function watchConnection(session: Session, intervalMs: number): void {
  if (intervalMs <= 0 || !(Number.parseInt(session.parameters.get('server_version') ?? '', 10) >= FIRST_VERSION)) return
  const value = Math.min(Math.ceil(intervalMs), MAX_INTERVAL_MS)
  const name = "'client_connection_check_interval'"
  session.queryFirst(
    `select pg_catalog.set_config(${name}, '${value}', false) where pg_catalog.current_setting(${name}, true) = '0'`,
  )
}
