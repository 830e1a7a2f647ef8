/**
 * Brings the statements that `execute` accepts into one form: a text with markers, or a statement that a query builder
 * has compiled, which has `$1` markers and contains its values.
 */
import { ProgrammingError } from '../src-async/errors/tree.ts'
import { type CompiledStatement, compiledParts } from '../src-async/values/compiled-statement.ts'
import { describeValue } from '../src-async/errors/describe-value.ts'
import { Record, type Values, listed } from '../src-async/values/record.ts'
import { Sql } from '../src-async/values/sql-template.ts'
import { type ValueMeaning, requireMeaning, textValues, withMeaning } from '../src-async/values/text-values.ts'
import { boundElements, requireIterable } from './batch.ts'
import type { Engine, StatementSource } from './engine.ts'
import { type Parameters, bindParameters } from './paramstyle/bind-parameters.ts'
import type { ParamStyle, RewrittenStatement } from './paramstyle/rewrite.ts'

/** A statement: SQL text, SQL composed with `sql`, or a statement that a query builder has compiled. */
export type StatementText = string | Sql | CompiledStatement

/** A statement that is ready for a flow. */
export interface BoundStatement extends StatementSource {
  /**
   * null when the caller passed none: then the text is sent as it is. A `TextValues` list where the values mean text.
   */
  readonly values: readonly unknown[] | null
}

/** A statement with many elements that is ready for a flow. */
export interface BoundBatch extends StatementSource {
  readonly elements: Iterable<readonly unknown[]>
}

/** The method that takes a statement, and its options. */
export interface Asking {
  readonly method: string
  readonly style: ParamStyle
  /** The meaning of the values, if the call sets it. */
  readonly meaning?: ValueMeaning | undefined
}

const NO_VALUES: readonly unknown[] = []

/** @throws ProgrammingError for a value that is not a statement, and for parameters that do not fit its markers. */
export function bindStatement(
  engine: Engine,
  statement: StatementText,
  parameters: Parameters | null | undefined,
  asking: Asking,
): BoundStatement {
  const { method, style } = asking
  const hasParameters = parameters !== undefined && parameters !== null
  requireMeaning(asking.meaning, method)
  if (typeof statement === 'string') {
    if (!hasParameters) return { sql: statement, rewritten: engine.rewrite(statement, false, style), values: null }
    const rewritten = requireSingle(engine.rewrite(statement, true, style), method)
    const values = withMeaning(bindParameters(rewritten, parameters), meaningOf(engine, false, asking))
    return { sql: statement, rewritten, values }
  }
  const { text, isCompiled, own } = textOf(statement, method)
  if (own !== null && hasParameters) {
    throw new ProgrammingError(`${method}: the statement already contains its values: leave the second argument out`)
  }
  const rewritten = engine.rewrite(text, false, style)
  const given = own ?? (hasParameters ? requireList(parameters, method) : NO_VALUES)
  if (given.length === 0 && (own === null || rewritten.statementCount > 1))
    return { sql: text, rewritten, values: null }
  requireSingle(rewritten, method)
  return { sql: text, rewritten, values: withMeaning(given, meaningOf(engine, isCompiled, asking)) }
}

/**
 * @throws ProgrammingError for a value that is not a statement, and for a text with several. While the elements are
 *   read: the errors of `bindParameters`, with `batchIndex`.
 */
export function bindBatch(
  engine: Engine,
  statement: StatementText,
  elements: Iterable<Parameters>,
  asking: Asking,
): BoundBatch {
  const { method, style } = asking
  const { text, isCompiled } = textOf(statement, method)
  const source = requireIterable(elements, method)
  const isPlain = typeof statement === 'string'
  const rewritten = requireSingle(engine.rewrite(text, isPlain, style), method)
  // A compiled statement has `$1` markers, so its elements are already in the order of the parameters.
  const bound = isPlain ? boundElements(rewritten, source, method) : (source as Iterable<Values>)
  const meaning = meaningOf(engine, isCompiled, asking)
  return { sql: text, rewritten, elements: meaning === 'text' ? textElements(bound) : listedElements(bound) }
}

/** Wraps the elements of a batch so that their values mean text. */
export function* textElements(elements: Iterable<Values>): Generator<readonly unknown[]> {
  for (const element of elements) {
    const values: unknown = listed(element)
    // An element that is not a list passes unchanged: the batch refuses it, because its error names the number of the
    // element.
    yield Array.isArray(values) ? textValues(values) : (values as readonly unknown[])
  }
}

function* listedElements(elements: Iterable<Values>): Generator<readonly unknown[]> {
  for (const element of elements) yield listed(element)
}

/** The meaning of a statement's values. @param isCompiled whether a query builder has made it */
export function meaningOf(
  engine: Engine,
  isCompiled: boolean,
  { method, meaning }: Omit<Asking, 'style'>,
): ValueMeaning {
  return requireMeaning(meaning, method) ?? (isCompiled ? 'text' : engine.context.meaning)
}

function requireList(parameters: Parameters, method: string): readonly unknown[] {
  const values: unknown = parameters instanceof Record ? listed(parameters) : parameters
  if (Array.isArray(values)) return values as unknown[]
  throw new ProgrammingError(
    `${method}: the markers of a compiled statement are $1, $2: expected its values as an array, got ${describeValue(parameters)}`,
  )
}

/** Reads a text, for methods that take no values. @throws ProgrammingError for anything but a string. */
export function requireText(sql: unknown, method: string): string {
  if (typeof sql === 'string') return sql
  throw new ProgrammingError(`${method}: expected SQL as a string, got ${describeValue(sql)}`)
}

/**
 * Reads the text of a statement in any form, and the values that it contains.
 * @throws ProgrammingError for anything else.
 */
export function textOf(
  statement: StatementText,
  method: string,
): { text: string; isCompiled: boolean; own: readonly unknown[] | null } {
  if (typeof statement === 'string') return { text: statement, isCompiled: false, own: null }
  if (statement instanceof Sql) return { text: statement.text, isCompiled: false, own: statement.values }
  const compiled = compiledParts(statement, method)
  if (compiled === null) return { text: requireText(statement, method), isCompiled: false, own: null }
  return { text: compiled.sql, isCompiled: true, own: compiled.values }
}

/** @throws ProgrammingError when the text holds several statements. */
export function requireSingle(rewritten: RewrittenStatement, method: string): RewrittenStatement {
  if (rewritten.statementCount <= 1) return rewritten
  throw new ProgrammingError(
    `${method}: the text has several statements, but only a single statement can have parameters: execute them one by one`,
  )
}

/** The values to send; empty when the caller passed none. */
export function valuesOf(statement: BoundStatement): readonly unknown[] {
  return statement.values ?? NO_VALUES
}
