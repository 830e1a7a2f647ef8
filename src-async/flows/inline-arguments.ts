/**
 * Writes values into the text of a query as literals, for COPY, which takes no parameters. Each literal is cast to the
 * parameter's type and means the same under every session setting (DateStyle, IntervalStyle, extra_float_digits).
 */
import { encodeArguments } from '../values/encode-arguments.ts'
import { literalText } from '../values/literal-text.ts'
import { quoteLiteral } from '../values/sql.ts'
import type { Codec } from '../values/codec.ts'
import type { Statement } from '../values/statement.ts'
import { TextValues } from '../values/text-values.ts'
import { converted } from '../values/to-postgres.ts'
import type { Flow } from './ask.ts'
import { askCatalog } from './catalog-query.ts'
import type { FlowContext } from './flow-context.ts'
import { replaceParameters } from './replace-parameters.ts'
import { resolveStatement } from './resolve-statement.ts'
import { withFieldsOfNow } from './row-collector.ts'

const TEXT_OID = 25
const OID_ARRAY = 1028
/** The modifier -1 prints `"bit"` with quotes. SQL would read `bit` without quotes as `bit(1)`. */
const TYPE_NAMES = `select pg_catalog.format_type(o, -1) from unnest($1) with ordinality types (o, n) order by n`

/**
 * @param firstPlaces see `ResolveOptions`
 * @throws the server's error about the query; DataError and ProgrammingError for values that do not fit.
 */
export function* inlineArguments(
  context: FlowContext,
  query: string,
  values: readonly unknown[],
  firstPlaces?: readonly number[],
): Flow<string> {
  if (values.length === 0) return query
  const described = yield* resolveStatement(context, query, values, { firstPlaces, isOneOff: true })
  const statement = yield* withFieldsOfNow(context, described.statement)
  const { out } = context
  out.clear()
  // Throws an error with the parameter's number for a value that does not fit.
  encodeArguments(out, statement, values)
  const request = { sql: TYPE_NAMES, parameterTypes: [OID_ARRAY], columnTypes: [TEXT_OID] }
  const names = yield* askCatalog(context, request, [statement.parameterTypes])
  const codecs = values instanceof TextValues ? statement.textCodecs : statement.parameterCodecs
  const isStandard = context.state.parameters.get('standard_conforming_strings') !== 'off'
  return replaceParameters(statement.sql, isStandard, (number) => {
    return `(${literalOf(statement, codecs, number - 1, values[number - 1])}::${String(names[number - 1]?.[0])})`
  })
}

function literalOf(statement: Statement, codecs: readonly Codec[], index: number, given: unknown): string {
  const value = converted(given, statement.parameterTypes[index] ?? 0)
  if (value === null) return 'null'
  return quoteLiteral(literalText(codecs[index]!, value)).trimStart()
}
