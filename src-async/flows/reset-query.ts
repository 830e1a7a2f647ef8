/**
 * The SQL that resets a session after a lease: it releases advisory locks, closes cursors and undoes LISTEN, settings
 * and roles. Other servers that speak PostgreSQL's protocol support only some of these statements. They are recognised
 * by a parameter that they report.
 */

/** The parts of the reset query that a server supports. */
interface ServerTraits {
  readonly advisoryLocks: boolean
  readonly closeAll: boolean
  readonly notifications: boolean
  readonly resetAll: boolean
  readonly roles: boolean
}

const POSTGRES: ServerTraits = { advisoryLocks: true, closeAll: true, notifications: true, resetAll: true, roles: true }

/** For each other server: a parameter that only this server reports, and the parts it supports. */
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
 * The reset query for a server; `''` for one that supports no part of it.
 * @param parameters the ParameterStatus values that the server has reported
 */
export function resetQueryFor(parameters: ReadonlyMap<string, string>): string {
  const relative = RELATIVES.find(([parameter]) => parameters.has(parameter))
  const traits = relative === undefined ? POSTGRES : relative[1]
  const statements: string[] = []
  if (traits.advisoryLocks) statements.push('SELECT pg_catalog.pg_advisory_unlock_all()')
  if (traits.closeAll) statements.push('CLOSE ALL')
  if (traits.notifications) statements.push('UNLISTEN *')
  // RESET ALL changes neither of these two, and a lease must not inherit the rights of the one before it. The order
  // matters: the first returns to the login role, the second to the role that the login starts with.
  if (traits.roles) statements.push('RESET SESSION AUTHORIZATION', 'RESET ROLE')
  if (traits.resetAll) statements.push('RESET ALL')
  return statements.join('; ')
}
