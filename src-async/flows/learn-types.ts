/**
 * Learns types that are not built in, when a statement first mentions them: one query for all of them and for what they
 * are made of, in one trip, remembered for the connection's life. Runs in whatever transaction is open, read-only ones
 * included, and reads the catalog with built-in codecs, whatever the user has set.
 */
import { DecodingSink } from '../values/decoding-sink.ts'
import { encodeArguments } from '../values/encode-arguments.ts'
import { Record } from '../values/record.ts'
import { CodecRegistry } from '../values/registry.ts'
import { Statement } from '../values/statement.ts'
import { learnTypes as register, typeRecordOf, typeRecordsSql, unknownTypes } from '../values/type-records.ts'
import { ask, type Flow } from './ask.ts'
import { type FlowContext, dueTimeout } from './flow-context.ts'

const TEXT = 25
const OID = 26
const TEXT_ARRAY = 1009
const OID_ARRAY = 1028
const PARAMETER_TYPES = [OID_ARRAY]
/** What the query's columns are, so that it need not be described first. */
const COLUMN_TYPES = [OID, TEXT, TEXT, OID, TEXT, OID, OID, TEXT_ARRAY, OID_ARRAY]

/** Makes the registry know these types; asks the server only about those it does not. */
export function* learnTypes(context: FlowContext, oids: Iterable<number>): Flow<void> {
  const { registry, state } = context
  const unknown = unknownTypes(registry, oids)
  if (unknown.length === 0) return
  const sql = typeRecordsSql(majorVersion(state.parameters.get('server_version')) >= 14)
  const columns = COLUMN_TYPES.map((typeOid, position) => ({
    name: `column${position}`,
    tableOid: 0,
    tableColumn: 0,
    typeOid,
    typeSize: -1,
    typeModifier: -1,
  }))
  const statement = new Statement({
    name: '',
    sql,
    parameterTypes: PARAMETER_TYPES,
    columns,
    registry: new CodecRegistry(),
  })
  const { out, statements } = context
  out.clear()
  encodeArguments(out, statement, [unknown])
  const rows = new DecodingSink(statement.rowDecoder!)
  yield* ask('execute', {
    name: '',
    parse: { sql, parameterTypes: PARAMETER_TYPES },
    bind: out.view(),
    rowLimit: 0,
    rows,
    timeoutMs: dueTimeout(context),
    begin: null,
    closing: statements.takeClosing(),
  })
  if (rows.failure !== null) throw rows.failure
  register(
    registry,
    rows.rows.map((row) => typeRecordOf(Record.toArray(row))),
  )
}

/** `18.4`, `16beta2`, `13.23 (Debian …)`; 0 where nothing of the kind is said. */
function majorVersion(version: string | undefined): number {
  return Number.parseInt(version ?? '', 10) || 0
}
