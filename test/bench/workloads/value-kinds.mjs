/** Checks the types of returned values, so that no client wins by not decoding them. */

/** Names of JavaScript's and Python's types that may stand for int4, int8, float8, text and timestamptz. */
export const FIVE_KINDS = [
  ['number', 'int'],
  ['bigint', 'string', 'int'],
  ['number', 'float'],
  ['string', 'str'],
  ['Date', 'PgTimestamp', 'datetime'],
]

export function kindsOf(row) {
  return Object.values(row).map((value) => (typeof value === 'object' ? value.constructor.name : typeof value))
}
