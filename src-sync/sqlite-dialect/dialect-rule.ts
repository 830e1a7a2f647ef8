/** What a rule of the dialect is, and what it is asked about. */
import type { SqliteToken } from './sqlite-text.ts'

/** One statement, ready for rules. Offsets count from its beginning. */
export interface StatementText {
  readonly sql: string
  /** As `maskedOf` makes it. */
  readonly masked: string
  readonly tokens: readonly SqliteToken[]
}

export interface DialectRule {
  /** Short, with hyphens; `--ignore` takes it. */
  readonly name: string
  /** Whether PostgreSQL refuses it, or does something else without a word. */
  readonly effect: 'fails' | 'differs'
  /** What becomes of it and what to write instead, in one sentence. */
  readonly says: string
  /** A pattern for the masked text with the flag g, or what finds the offsets. */
  readonly find: RegExp | ((statement: StatementText) => readonly number[])
  /** The SQLSTATEs of the errors that it explains; none where there is no error. */
  readonly states?: readonly string[]
  /** Whether the text alone is enough to say so at this place; where it is not, only an error makes it a hint. */
  readonly isCertain?: (statement: StatementText, offset: number) => boolean
}

/** Where a pattern matches in the masked text. */
export function matchesOf(pattern: RegExp, { masked }: StatementText): readonly number[] {
  return Array.from(masked.matchAll(pattern), ({ index, 0: text }) => index + (text.length - text.trimStart().length))
}

/** Where a rule finds something. */
export function placesOf({ find }: DialectRule, statement: StatementText): readonly number[] {
  return typeof find === 'function' ? find(statement) : matchesOf(find, statement)
}
