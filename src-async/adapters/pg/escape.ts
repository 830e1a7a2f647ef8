/** pg's functions that quote names and strings for SQL. Their results are those of pg. */

/**
 * A name in double quotes.
 * @example escapeIdentifier('My table') // '"My table"'
 */
export function escapeIdentifier(name: string): string {
  return `"${name.replace(/"/g, '""')}"`
}

/**
 * A string in single quotes, or as `E'…'` if it has a backslash. `''` for a value that is no string.
 * @example escapeLiteral("it's") // "'it''s'"
 */
export function escapeLiteral(text: string): string {
  if (typeof text !== 'string') return "''"
  const escaped = `'${text.replace(/'/g, "''").replace(/\\/g, '\\\\')}'`
  return text.includes('\\') ? ` E${escaped}` : escaped
}
