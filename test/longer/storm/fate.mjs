/** Fates of a row of the ledger, as a walk knows them. */
export const FATE = {
  /** Its transaction is open. */
  open: 'o',
  committed: 'c',
  rolledBack: 'r',
  /** The commit was interrupted, or its connection was lost meanwhile. */
  unknown: '?',
}
