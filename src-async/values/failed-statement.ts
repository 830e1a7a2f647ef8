/** Which statement of a text an error is about. Called for errors only: it reads the text anew. */
import { locate } from '../errors/position.ts'
import { StatementSpans } from './statement-spans.ts'

export interface FailedStatement {
  /** From 0. */
  readonly statementIndex: number
  /** Where it begins, in characters from 1; absent where the text has no such statement. */
  readonly statementPosition?: number
}

/**
 * @param done how many statements of the text the server has completed
 * @param position the server's, where it gave one. It decides: a syntax error in the last statement comes before the first one runs.
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
    // A text that ends too early has its error after the last statement.
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
