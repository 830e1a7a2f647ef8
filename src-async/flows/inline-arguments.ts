/**
 * Puts values into a query's text, for COPY, which takes no parameters. The server itself writes each value as a literal
 * of the parameter's type, and only `$1` that is a parameter to the lexer is replaced: never one in a string, a quoted
 * name or a comment.
 */
import { ProgrammingError } from '../errors/tree.ts'
import { Record } from '../values/record.ts'
import { RECORD_ROWS } from '../values/row-options.ts'
import { Lexer, TOKEN } from '../values/sql-lexer.ts'
import type { Flow } from './ask.ts'
import { fetchRows } from './fetch-rows.ts'
import type { FlowContext } from './flow-context.ts'
import { resolveStatement } from './resolve-statement.ts'

/** @throws what the server says of the query; DataError and ProgrammingError for values that do not fit. */
export function* inlineArguments(context: FlowContext, query: string, values: readonly unknown[]): Flow<string> {
  if (values.length === 0) return query
  const { statement } = yield* resolveStatement(context, query, values, { isOneOff: true })
  const types = statement.parameterTypes.map((oid) => context.registry.typeName(oid))
  if (types.length !== values.length) {
    throw new ProgrammingError(`the query has ${types.length} parameters, ${values.length} arguments were passed`)
  }
  const asLiterals = types.map((type, index) => `quote_nullable($${index + 1}::${type}::text)`)
  const sql = `select ${asLiterals.join(', ')}`
  const { rows } = yield* fetchRows(context, { sql, values, rowLimit: 0, rows: RECORD_ROWS })
  const [row] = rows
  const literals = row === undefined ? [] : Record.toArray(row)
  const isStandard = context.state.parameters.get('standard_conforming_strings') !== 'off'
  return replaceParameters(query, isStandard, (number) => {
    const literal = literals[number - 1]
    const type = types[number - 1]
    if (typeof literal !== 'string' || type === undefined) throw new ProgrammingError(`the query has no $${number}`)
    return `(${literal}::${type})`
  })
}

function replaceParameters(text: string, isStandard: boolean, replacement: (number: number) => string): string {
  const lexer = new Lexer(text, isStandard)
  let replaced = ''
  let copied = 0
  for (let token = lexer.next(); token !== TOKEN.END; token = lexer.next()) {
    if (token !== TOKEN.NATIVE_PARAMETER) continue
    const number = Number(text.slice(lexer.start + 1, lexer.end))
    replaced += text.slice(copied, lexer.start) + replacement(number)
    copied = lexer.end
  }
  return replaced + text.slice(copied)
}
