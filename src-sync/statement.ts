/**
 * What `execute` is given, brought into one form: a text with markers, or what a query builder has compiled, whose text
 * has PostgreSQL's own markers and brings its values along.
 */
import { ProgrammingError } from '../src-async/errors/tree.ts'
import { describeValue } from '../src-async/values/describe-value.ts'
import type { Engine, StatementSource } from './engine.ts'
import { type Parameters, bindParameters } from './paramstyle/bind-parameters.ts'
import type { ParamStyle, RewrittenStatement } from './paramstyle/rewrite.ts'

/** A statement with its values, in the forms query builders give: Kysely, Drizzle, Knex, pg. `$1` are its markers. */
export type CompiledStatement =
  | { readonly sql: string; readonly parameters: readonly unknown[] }
  | { readonly sql: string; readonly params: readonly unknown[] }
  | { readonly sql: string; readonly bindings: readonly unknown[] }
  | { readonly text: string; readonly values: readonly unknown[] }

export type StatementText = string | CompiledStatement

/** A statement ready for a flow. */
export interface BoundStatement extends StatementSource {
  /** null when none were given: the text is the server's as it is. */
  readonly values: readonly unknown[] | null
}

const NO_VALUES: readonly unknown[] = []

/** @throws ProgrammingError when it is no statement, or its parameters do not fit its markers. */
export function bindStatement(
  engine: Engine,
  statement: StatementText,
  parameters: Parameters | null | undefined,
  options: { readonly method: string; readonly style: ParamStyle },
): BoundStatement {
  const { method, style } = options
  if (typeof statement === 'string') {
    if (parameters === undefined || parameters === null) {
      return { sql: statement, rewritten: engine.rewrite(statement, false, style), values: null }
    }
    const rewritten = requireSingle(engine.rewrite(statement, true, style), method)
    return { sql: statement, rewritten, values: bindParameters(rewritten, parameters) }
  }
  const compiled = compiledParts(statement)
  if (compiled === null) {
    throw new ProgrammingError(`${method}: expected SQL as a string, got ${describeValue(statement)}`)
  }
  if (parameters !== undefined && parameters !== null) {
    throw new ProgrammingError(`${method}: the statement brings its values along: leave the second argument out`)
  }
  const rewritten = engine.rewrite(compiled.sql, false, style)
  const values = compiled.values.length === 0 && rewritten.statementCount > 1 ? null : compiled.values
  if (values !== null) requireSingle(rewritten, method)
  return { sql: compiled.sql, rewritten, values }
}

/** The text alone, for methods whose values come by themselves. @throws ProgrammingError for anything but a string. */
export function requireText(sql: unknown, method: string): string {
  if (typeof sql === 'string') return sql
  throw new ProgrammingError(`${method}: expected SQL as a string, got ${describeValue(sql)}`)
}

/** The text of a statement in either form. @throws ProgrammingError for anything else. */
export function textOf(statement: StatementText, method: string): { text: string; isCompiled: boolean } {
  if (typeof statement === 'string') return { text: statement, isCompiled: false }
  const compiled = compiledParts(statement)
  return compiled === null
    ? { text: requireText(statement, method), isCompiled: false }
    : { text: compiled.sql, isCompiled: true }
}

/** @throws ProgrammingError when the text holds several statements. */
export function requireSingle(rewritten: RewrittenStatement, method: string): RewrittenStatement {
  if (rewritten.statementCount <= 1) return rewritten
  throw new ProgrammingError(
    `${method}: the text holds several statements, and parameters can go with one only: execute them one by one`,
  )
}

/** The values to send: none where none were given. */
export function valuesOf(statement: BoundStatement): readonly unknown[] {
  return statement.values ?? NO_VALUES
}

function compiledParts(statement: unknown): { sql: string; values: readonly unknown[] } | null {
  if (statement === null || typeof statement !== 'object') return null
  const parts = statement as Partial<Record<'sql' | 'text' | 'parameters' | 'params' | 'bindings' | 'values', unknown>>
  const sql = parts.sql ?? parts.text
  const values = parts.parameters ?? parts.params ?? parts.bindings ?? parts.values
  return typeof sql === 'string' && Array.isArray(values) ? { sql, values: values as unknown[] } : null
}
