/**
 * The savepoint around one statement of a transaction, in the flight of that statement: what the cache alone made fail can
 * then be run again without losing the transaction. A request asks for it by giving a guard as its `begin`; the release
 * follows the statement before the Sync. docs/decisions/remembered-statements.md says when it is worth its price.
 */
const NAME = 'syncpg_guard'

/** In place of BEGIN, at the head of a flight. */
export const GUARD = `SAVEPOINT ${NAME}`

/** In place of GUARD where the savepoint is there already and nothing has run since. */
export const GUARD_AGAIN = `ROLLBACK TO SAVEPOINT ${NAME}`

/** Whether what goes before a statement is a savepoint that ends with the flight. */
export function isGuard(begin: string | null): boolean {
  return begin === GUARD || begin === GUARD_AGAIN
}

/** At the end of the flight. */
export const RELEASE_GUARD = `RELEASE SAVEPOINT ${NAME}`

/** After a failure, to go on as if the statement had not been sent. */
export const UNDO_GUARD = `${GUARD_AGAIN}; ${RELEASE_GUARD}`
