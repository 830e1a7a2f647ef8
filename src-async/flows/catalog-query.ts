/**
 * Queries the catalog in one round trip. The types of the parameters and columns are known, so nothing is described
 * first. The values are read with built-in codecs, never with codecs that the user has set.
 */
import { DecodingSink } from '../values/row-decoder.ts'
import { encodeArguments } from '../values/encode-arguments.ts'
import { Record } from '../values/record.ts'
import { CodecRegistry } from '../values/registry.ts'
import { Statement } from '../values/statement.ts'
import { ask, type Flow } from './ask.ts'
import { type FlowContext, dueTimeout } from './flow-context.ts'

export interface CatalogQuery {
  readonly sql: string
  /** Type OIDs. */
  readonly parameterTypes: readonly number[]
  readonly columnTypes: readonly number[]
}

/** @returns the values of each row. Runs in the open transaction, if there is one, and never begins one. */
export function* askCatalog(context: FlowContext, query: CatalogQuery, values: readonly unknown[]): Flow<unknown[][]> {
  const { sql, parameterTypes, columnTypes } = query
  const columns = columnTypes.map((typeOid, position) => ({
    name: `column${position}`,
    tableOid: 0,
    tableColumn: 0,
    typeOid,
    typeSize: -1,
    typeModifier: -1,
  }))
  const statement = new Statement({ name: '', sql, parameterTypes, columns, registry: new CodecRegistry() })
  const { out, statements } = context
  out.clear()
  encodeArguments(out, statement, values)
  const rows = new DecodingSink(statement.rowDecoder!)
  yield* ask('execute', {
    name: '',
    parse: { sql, parameterTypes },
    bind: out.view(),
    rowLimit: 0,
    rows,
    timeoutMs: dueTimeout(context),
    begin: null,
    closing: statements.takeClosing(),
  })
  if (rows.failure !== null) throw rows.failure
  return rows.rows.map((row) => Record.toArray(row))
}
