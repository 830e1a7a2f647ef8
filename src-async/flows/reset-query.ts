/**
 * The SQL that takes back what a lease may have left on a connection: locks, cursors, subscriptions, settings and roles.
 * Servers that speak PostgreSQL's protocol without being PostgreSQL are known by parameters they report.
 */

/** What a server understands of it. */
interface ServerTraits {
  readonly advisoryLocks: boolean
  readonly closeAll: boolean
  readonly notifications: boolean
  readonly resetAll: boolean
  readonly roles: boolean
}

const POSTGRES: ServerTraits = { advisoryLocks: true, closeAll: true, notifications: true, resetAll: true, roles: true }

/** A parameter that only this server reports, and what it lacks. */
const RELATIVES: readonly (readonly [parameter: string, traits: ServerTraits])[] = [
  // CockroachDB.
  ['crdb_version', { advisoryLocks: false, closeAll: false, notifications: false, resetAll: true, roles: false }],
  // Amazon Redshift.
  ['padb_version', { advisoryLocks: false, closeAll: false, notifications: false, resetAll: true, roles: false }],
  // CrateDB and Materialize.
  ['crate_version', { advisoryLocks: false, closeAll: false, notifications: false, resetAll: false, roles: false }],
  ['mz_version', { advisoryLocks: false, closeAll: false, notifications: false, resetAll: false, roles: false }],
]

/**
 * The reset query for a server, `''` for one that can take nothing back.
 * @param parameters what the server has reported of itself
 */
export function resetQueryFor(parameters: ReadonlyMap<string, string>): string {
  const relative = RELATIVES.find(([parameter]) => parameters.has(parameter))
  const traits = relative === undefined ? POSTGRES : relative[1]
  const statements: string[] = []
  if (traits.advisoryLocks) statements.push('SELECT pg_catalog.pg_advisory_unlock_all()')
  if (traits.closeAll) statements.push('CLOSE ALL')
  if (traits.notifications) statements.push('UNLISTEN *')
  // RESET ALL leaves these two alone, and a lease must not inherit the rights of the one before it. In this order: the
  // first goes back to the login, the second to the role the login begins with.
  if (traits.roles) statements.push('RESET SESSION AUTHORIZATION', 'RESET ROLE')
  if (traits.resetAll) statements.push('RESET ALL')
  return statements.join('; ')
}
