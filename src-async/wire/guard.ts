/**
 * The savepoint around a statement of a transaction, in the flight of that statement: what the cache alone made fail can
 * then be run again without losing the transaction. A request asks for it by giving a guard as its `begin`.
 * docs/decisions/remembered-statements.md says when it is worth its price.
 *
 * There are two, which differ in where the savepoint ends. GUARD ends as soon as the server has accepted the Bind, so the
 * statement itself runs outside of the savepoint and has the effects that it has without one. RUN_GUARD ends after the
 * statement. It is for texts that read and nothing else: whatever they do differently inside a savepoint nobody can see.
 */
const NAME = 'syncpg_guard'
/** The same name to the server. The text of a `begin` says which of the two guards it is. */
const RUN_NAME = `"${NAME}"`

/** In place of BEGIN, at the head of a flight. */
export const GUARD = `SAVEPOINT ${NAME}`
export const RUN_GUARD = `SAVEPOINT ${RUN_NAME}`

/** In place of GUARD where the savepoint is there already and nothing has run since. */
export const GUARD_AGAIN = `ROLLBACK TO SAVEPOINT ${NAME}`
export const RUN_GUARD_AGAIN = `ROLLBACK TO SAVEPOINT ${RUN_NAME}`

/** What of a statement a savepoint goes around. */
export type GuardKind = 'bind' | 'run'

/** Which guard goes before a statement; null for BEGIN, for other commands and for none. */
export function guardKind(begin: string | null): GuardKind | null {
  switch (begin) {
    case GUARD:
    case GUARD_AGAIN:
      return 'bind'
    case RUN_GUARD:
    case RUN_GUARD_AGAIN:
      return 'run'
    default:
      return null
  }
}

/** Where the guard ends. */
export const RELEASE_GUARD = `RELEASE SAVEPOINT ${NAME}`

/** After a failure within the guard, to go on as if the statement had not been sent. */
export const UNDO_GUARD = `${GUARD_AGAIN}; ${RELEASE_GUARD}`
