/** pg's functions for names and strings in SQL text. They take what pg's take, and give what pg's give. */

/** A name in double quotes. */
export function escapeIdentifier(name: string): string {
  return `"${name.replace(/"/g, '""')}"`
}

/** A string in single quotes, `E'…'` where it has a backslash; `''` for what is no string. */
export function escapeLiteral(text: string): string {
  if (typeof text !== 'string') return "''"
  const escaped = `'${text.replace(/'/g, "''").replace(/\\/g, '\\\\')}'`
  return text.includes('\\') ? ` E${escaped}` : escaped
}
