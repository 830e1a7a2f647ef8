/**
 * Restores the settings that a file of SQL changed in the session. Without that, `set search_path = app` in one file
 * would apply to the next files and to umzug's storage. After `set role` or `set default_transaction_read_only` the
 * storage could not record that the file has run.
 */
import type { Connection as BlockingConnection } from '../../../src-sync/index.ts'
import { type Connection, quoteIdentifier, quoteLiteral } from '../../index.ts'

type Session = BlockingConnection | Connection

/** The settings that `set` changes in a session. */
export interface SessionSettings {
  readonly user: string
  /** `none` where no role is set. */
  readonly role: string
  /** The settings that were set in the session, by name. */
  readonly values: ReadonlyMap<string, string>
}

/** The three settings that are left out belong to a transaction. */
const SETTINGS = `select pg_catalog.json_build_object('user', session_user, 'role', pg_catalog.current_setting('role'),
  'values', (select pg_catalog.json_object_agg(name, pg_catalog.current_setting(name)) from pg_catalog.pg_settings
    where source operator(pg_catalog.=) 'session'
      and name operator(pg_catalog.<>) all ('{transaction_isolation,transaction_read_only,transaction_deferrable}')))::text`

/** Asks the server for the settings that were set in the session. */
export async function sessionSettings(session: Session): Promise<SessionSettings> {
  const { user, role, values } = JSON.parse((await session.fetchval<string>(SETTINGS)) as string)
  return { user, role, values: new Map(Object.entries(values ?? {})) }
}

/** Restores the settings to those of `before`. Sends one query if nothing was set since. */
export async function restoreSettings(session: Session, before: SessionSettings): Promise<void> {
  const now = await sessionSettings(session)
  let { values } = now
  if (now.user !== before.user || now.role !== before.role) {
    // SET SESSION AUTHORIZATION sets the role to none, so the role comes after it.
    const user = `set session authorization ${quoteIdentifier(before.user)}`
    const role = `set role ${before.role === 'none' ? 'none' : quoteIdentifier(before.role)}`
    await session.execute(now.user === before.user ? role : `${user}; ${role}`)
    // The other role may not have seen all settings.
    values = (await sessionSettings(session)).values
  }
  const statements: string[] = []
  for (const name of values.keys()) {
    if (!before.values.has(name)) statements.push(`reset ${quoteIdentifier(...name.split('.'))}`)
  }
  for (const [name, value] of before.values) {
    if (values.get(name) === value) continue
    statements.push(`select pg_catalog.set_config(${quoteLiteral(name)}, ${quoteLiteral(value)}, false)`)
  }
  if (statements.length > 0) await session.execute(statements.join('; '))
}
