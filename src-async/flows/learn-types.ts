/**
 * Learns types that are not built in, when a statement first uses them. One query gets all of them, with their parts,
 * in one round trip. The connection keeps them until it closes. The query runs in the open transaction, even in a
 * read-only one. Types learned in a transaction are forgotten when it rolls back.
 */
import { OID_OID, TEXT_OID } from '../values/oids.ts'
import { typeRecordOf, typeRecordsSql, unknownTypes } from '../values/type-records.ts'
import type { Flow } from './ask.ts'
import { askCatalog } from './catalog-query.ts'
import type { FlowContext } from './flow-context.ts'

const TEXT_ARRAY = 1009
const OID_ARRAY = 1028
/** The types of the query's columns, so that it need not be described first. */
const COLUMN_TYPES = [
  OID_OID,
  TEXT_OID,
  TEXT_OID,
  OID_OID,
  TEXT_OID,
  OID_OID,
  OID_OID,
  TEXT_ARRAY,
  OID_ARRAY,
  TEXT_OID,
  TEXT_OID,
]

/** Adds these types to the registry. Asks the server only about types that are not in it. */
export function* learnTypes(context: FlowContext, oids: Iterable<number>): Flow<void> {
  const { registry, state } = context
  context.statements.forgetOutdated()
  const unknown = unknownTypes(registry, oids)
  // In a failed transaction the server refuses every query, so no new rows can come either.
  if (unknown.length === 0 || state.transactionStatus === 'E') return
  const sql = typeRecordsSql(majorVersion(state.parameters.get('server_version')) >= 14)
  const query = { sql, parameterTypes: [OID_ARRAY], columnTypes: COLUMN_TYPES }
  const rows = yield* askCatalog(context, query, [unknown])
  registry.learn(rows.map(typeRecordOf), state.transactionStatus !== 'I')
}

/** The major version of `18.4`, `16beta2` or `13.23 (Debian …)`; 0 when the text has none. */
function majorVersion(version: string | undefined): number {
  return Number.parseInt(version ?? '', 10) || 0
}
