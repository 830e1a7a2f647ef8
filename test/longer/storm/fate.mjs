/** The fates of a row of the ledger, from the view of a walk. */
export const FATE = {
  /** Its transaction is open. */
  open: 'o',
  committed: 'c',
  rolledBack: 'r',
  /** The commit was interrupted, or its connection was lost meanwhile. */
  unknown: '?',
}
