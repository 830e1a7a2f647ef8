/**
 * Learns types that are not built in, when a statement first mentions them: one query for all of them and for what they
 * are made of, in one trip, remembered for the connection's life. Runs in whatever transaction is open, read-only ones
 * included; what a transaction taught is forgotten if it is rolled back.
 */
import { OID_OID, TEXT_OID } from '../values/oids.ts'
import { typeRecordOf, typeRecordsSql, unknownTypes } from '../values/type-records.ts'
import type { Flow } from './ask.ts'
import { askCatalog } from './catalog-query.ts'
import type { FlowContext } from './flow-context.ts'

const TEXT_ARRAY = 1009
const OID_ARRAY = 1028
/** What the query's columns are, so that it need not be described first. */
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

/** Makes the registry know these types; asks the server only about those it does not. */
export function* learnTypes(context: FlowContext, oids: Iterable<number>): Flow<void> {
  const { registry, state } = context
  if (registry.forgetIfOutdated()) context.statements.clear()
  const unknown = unknownTypes(registry, oids)
  // In a failed transaction nothing can be asked, and nothing new be fetched.
  if (unknown.length === 0 || state.transactionStatus === 'E') return
  const sql = typeRecordsSql(majorVersion(state.parameters.get('server_version')) >= 14)
  const query = { sql, parameterTypes: [OID_ARRAY], columnTypes: COLUMN_TYPES }
  const rows = yield* askCatalog(context, query, [unknown])
  registry.learn(rows.map(typeRecordOf), state.transactionStatus !== 'I')
}

/** `18.4`, `16beta2`, `13.23 (Debian …)`; 0 where nothing of the kind is said. */
function majorVersion(version: string | undefined): number {
  return Number.parseInt(version ?? '', 10) || 0
}
