/** The form of a rule about SQLite's dialect, and its input. */
import type { SqliteToken } from './sqlite-text.ts'

/** One statement, prepared for the rules. Offsets count from its beginning. */
export interface StatementText {
  readonly sql: string
  /** The text from `maskedOf`. */
  readonly masked: string
  readonly tokens: readonly SqliteToken[]
}

export interface DialectRule {
  /** A short name with hyphens, for `--ignore`. */
  readonly name: string
  /** `fails`: PostgreSQL refuses it. `differs`: PostgreSQL does something else, without an error. */
  readonly effect: 'fails' | 'differs'
  /** One sentence: what happens, and what to write instead. */
  readonly says: string
  /** A pattern for the masked text, with the flag g, or a function that returns offsets. */
  readonly find: RegExp | ((statement: StatementText) => readonly number[])
  /** SQLSTATEs of the errors that this rule explains; none for `differs`. */
  readonly states?: readonly string[]
  /** Whether the text alone proves the finding at this offset. Otherwise the rule is used only to explain an error. */
  readonly isCertain?: (statement: StatementText, offset: number) => boolean
}

/** The offsets at which a pattern matches the masked text. */
export function matchesOf(pattern: RegExp, { masked }: StatementText): readonly number[] {
  return Array.from(masked.matchAll(pattern), ({ index, 0: text }) => index + (text.length - text.trimStart().length))
}

/** The offsets at which a rule finds something. */
export function placesOf({ find }: DialectRule, statement: StatementText): readonly number[] {
  return typeof find === 'function' ? find(statement) : matchesOf(find, statement)
}
