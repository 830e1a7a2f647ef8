/** A name without quotes as the server reads it in UTF-8, and as psql does: only A to Z become lower case. */
export function foldName(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}
