/**
 * Brings the compiled statements of query builders into one form: a text with `$1`, and its values. A builder's query that
 * is not compiled yet, or that has other markers, cannot run; the error says what to write instead.
 */
import { ProgrammingError } from '../errors/tree.ts'

/**
 * A statement with its values, as query builders return it: Kysely's `compile()`, Drizzle's `toSQL()`, Knex's
 * `toSQL().toNative()`, the objects of sql-template-tag and of pg. Its markers are `$1`, and its values mean text: a string
 * is what the server's input function reads, for every type.
 */
export type CompiledStatement =
  | { readonly sql: string; readonly parameters: readonly unknown[] }
  | { readonly sql: string; readonly params: readonly unknown[] }
  | { readonly sql: string; readonly bindings: readonly unknown[] }
  | { readonly text: string; readonly values?: readonly unknown[] | undefined }

export interface CompiledParts {
  readonly sql: string
  /** null when the statement has none. */
  readonly values: readonly unknown[] | null
}

type Candidate = Partial<
  Record<
    'sql' | 'text' | 'parameters' | 'params' | 'bindings' | 'values' | 'toNative' | 'compile' | 'toSQL' | 'toQuery',
    unknown
  >
>

/**
 * @returns null for an object that no builder has made. @throws ProgrammingError for a builder's object that cannot run
 *   as it is.
 */
export function compiledParts(statement: unknown, method: string): CompiledParts | null {
  if (statement === null || typeof statement !== 'object') return null
  const candidate = statement as Candidate
  requireCompiled(candidate, method)
  // sql-template-tag has both; its `sql` is for MySQL.
  const sql = typeof candidate.text === 'string' ? candidate.text : candidate.sql
  if (typeof sql !== 'string') return null
  const values = candidate.parameters ?? candidate.params ?? candidate.bindings ?? candidate.values ?? null
  if (values !== null && !Array.isArray(values)) return null
  requireNoRowMode(statement, method)
  if (sql.includes('$slonik_')) throw notRunnable(method, "slonik's markers are $slonik_1", SLONIK)
  return { sql, values: values as unknown[] | null }
}

const SLONIK = "{ text: query.sql.replaceAll('$slonik_', '$'), values: query.values }"

function requireCompiled({ sql, toNative, toQuery, toSQL, compile }: Candidate, method: string): void {
  if (typeof toNative === 'function') throw notRunnable(method, "Knex's markers are ?", 'query.toSQL().toNative()')
  if (typeof sql === 'string') return
  if (typeof toSQL === 'function') {
    const isKnex = typeof toQuery === 'function'
    throw notRunnable(
      method,
      'this is a query builder, not a compiled statement',
      `query.toSQL()${isKnex ? '.toNative()' : ''}`,
    )
  }
  if (typeof compile === 'function') {
    throw notRunnable(method, 'this is a query builder, not a compiled statement', 'query.compile()')
  }
}

/**
 * Refuses options about rows in a query object of pg. If they were ignored, the rows would silently have another form.
 */
function requireNoRowMode(statement: object, method: string): void {
  const { rowMode, types } = statement as { readonly rowMode?: unknown; readonly types?: unknown }
  if (rowMode === 'array') {
    throw new ProgrammingError(`${method}: the statement has a rowMode, which syncpg does not know`, {
      hint: "pass { rowFactory: 'array' } in the options of the call; the usual rows can also be read by position, row[0]",
    })
  }
  if (types !== null && typeof types === 'object' && 'getTypeParser' in types) {
    throw new ProgrammingError(`${method}: the statement has types, which syncpg does not know`, {
      hint: "pass types: { int8: 'number' } in the options of the call, or a function that returns a parser for an OID",
    })
  }
}

function notRunnable(method: string, why: string, instead: string): ProgrammingError {
  return new ProgrammingError(`${method}: ${why}: pass ${instead}`)
}
