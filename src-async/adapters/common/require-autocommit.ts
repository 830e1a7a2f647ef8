/** The check of a blocking connection that a query builder or a tool for migrations is given. */
import { ProgrammingError } from '../../index.ts'

/**
 * Refuses an open blocking connection without autocommit: the first query would begin a transaction that nobody commits.
 * @param connection a connection or pool of either API. The async ones are always in autocommit
 * @param user the name in the message
 * @param why who begins transactions, as a clause
 * @throws ProgrammingError
 */
export function requireAutocommit(connection: object, user: string, why: string): void {
  if (!('autocommit' in connection)) return
  const { autocommit, closed } = connection as { readonly autocommit: boolean; readonly closed: boolean }
  if (closed || autocommit) return
  throw new ProgrammingError(
    `${user}: a blocking connection has to be in autocommit, because ${why}: connect(dsn, { autocommit: true })`,
  )
}
