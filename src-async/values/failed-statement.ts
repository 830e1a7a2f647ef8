/** Finds the statement of a text that an error is about. It scans the text again, so it is called for errors only. */
import { locate } from '../errors/position.ts'
import { StatementSpans } from './statement-spans.ts'

/** Statements that change rows or tables, so that they may violate a constraint themselves. */
const MAY_VIOLATE =
  /^(?:select\b[^]*\binto|(?:insert|update|delete|merge|with|copy|create|alter|truncate|refresh|call|do|execute|explain|set\s+constraints|commit|end)\b)/i

/**
 * Whether the error is of the commit that the server makes after the last statement: a deferred constraint is checked there. The
 * server reports it in the last statement's place, which may be a plain SELECT.
 * @param done how many statements of the text the server has completed
 */
export function failsAtCommit(sql: string, isStandard: boolean, done: number): boolean {
  const spans = new StatementSpans(sql, isStandard)
  let count = 0
  let last = ''
  for (let span = spans.next(); span !== null; span = spans.next()) {
    count += 1
    last = sql.slice(span.head, span.end)
  }
  return count > 1 && done === count - 1 && !MAY_VIOLATE.test(last)
}

export interface FailedStatement {
  /** Counted from 0. */
  readonly statementIndex: number
  /** The position of its first character, counted from 1; absent when the text has no such statement. */
  readonly statementPosition?: number
}

/**
 * @param done how many statements of the text the server has completed
 * @param position the error's position, when the server gave one. It decides, because the server reports a syntax error in
 *   the last statement before it runs the first one.
 */
export function failedStatement(
  sql: string,
  isStandard: boolean,
  done: number,
  position: number | undefined,
): FailedStatement {
  const spans = new StatementSpans(sql, isStandard)
  const offset = position === undefined ? null : (locate(sql, position)?.offset ?? null)
  let found: FailedStatement = { statementIndex: done }
  let from = 0
  let characters = 1
  for (let index = 0; ; index++) {
    const span = spans.next()
    // When the text ends too early, the error's position is after the last statement.
    if (span === null) return found
    characters += countCharacters(sql, from, span.head)
    from = span.head
    if (offset === null ? index === done : true) found = { statementIndex: index, statementPosition: characters }
    if (offset === null ? index >= done : offset < span.end) return found
  }
}

function countCharacters(text: string, start: number, end: number): number {
  let count = 0
  for (let at = start; at < end; at += text.codePointAt(at)! > 0xffff ? 2 : 1) count += 1
  return count
}
