/**
 * Makes the server check regularly, while it runs a statement, whether the client still exists. A program that is killed
 * cannot cancel, and without the check its statement would run until the server next sends something. The interval is set by
 * a query and not by a startup parameter, which poolers and older servers refuse: see docs/decisions/connection-check.md.
 * Source of truth: PostgreSQL manual, client_connection_check_interval.
 */
import type { Session } from './session.ts'

const FIRST_VERSION = 14
const MAX_INTERVAL_MS = 2 ** 31 - 1

/** @param intervalMs 0 changes nothing. An interval that was set before, by the server or its administrator, stays too. */
export function watchConnection(session: Session, intervalMs: number): void {
  if (intervalMs <= 0 || !(Number.parseInt(session.parameters.get('server_version') ?? '', 10) >= FIRST_VERSION)) return
  const value = Math.min(Math.ceil(intervalMs), MAX_INTERVAL_MS)
  const name = "'client_connection_check_interval'"
  session.queryFirst(
    `select pg_catalog.set_config(${name}, '${value}', false) where pg_catalog.current_setting(${name}, true) = '0'`,
  )
}
