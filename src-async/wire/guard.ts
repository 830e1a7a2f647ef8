/**
 * A guard is a savepoint around a statement in a transaction. It is sent together with that statement. If the statement
 * fails only because a cache entry was out of date, it can run again, and the transaction is not lost. A request asks
 * for a guard in its field `begin`. docs/decisions/remembered-statements.md says when a guard is worth its price.
 *
 * There are two guards. GUARD ends as soon as the server has accepted the Bind, so the statement itself runs outside of the
 * savepoint and behaves as it does without one. RUN_GUARD ends after the statement. It is only for statements that read:
 * whether those run inside a savepoint makes no visible difference.
 */
const NAME = 'syncpg_guard'
/** To the server this is the same name. The quotes make the texts differ, so that `guardKind` can tell the guards apart. */
const RUN_NAME = `"${NAME}"`

/** Sent in place of BEGIN, before the other messages of a request. */
export const GUARD = `SAVEPOINT ${NAME}`
export const RUN_GUARD = `SAVEPOINT ${RUN_NAME}`

/** Sent in place of GUARD when the savepoint exists already and nothing has run since. */
export const GUARD_AGAIN = `ROLLBACK TO SAVEPOINT ${NAME}`
export const RUN_GUARD_AGAIN = `ROLLBACK TO SAVEPOINT ${RUN_NAME}`

/** The part of a statement that a guard protects. */
export type GuardKind = 'bind' | 'run'

/** Which guard a request's `begin` is; null for BEGIN, for other commands and for null. */
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

/** Ends the guard. */
export const RELEASE_GUARD = `RELEASE SAVEPOINT ${NAME}`

/** Undoes a statement that failed within the guard, as if it had not been sent. */
export const UNDO_GUARD = `${GUARD_AGAIN}; ${RELEASE_GUARD}`
