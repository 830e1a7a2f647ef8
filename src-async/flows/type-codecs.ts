/**
 * Sets codecs of the user for one connection. Finds the type by name; types made of it use the codec too. Cached
 * statements are dropped, because their column formats may change.
 */
import { describeValue } from '../errors/describe-value.ts'
import { ProgrammingError } from '../errors/tree.ts'
import { knownOptions, requireKnown, TEXT } from '../options/known-options.ts'
import { builtInOidBySpelling } from '../values/type-names.ts'
import {
  type BuiltinTypeCodecOptions,
  type TypeCodecOptions,
  aliasCodec,
  customCodec,
  requireBuiltinTypeCodec,
  requireTypeCodec,
} from '../values/custom-codec.ts'
import { OID_OID, TEXT_OID } from '../values/oids.ts'
import type { Flow } from './ask.ts'
import { askCatalog } from './catalog-query.ts'
import type { FlowContext } from './flow-context.ts'
import { learnTypes } from './learn-types.ts'

/**
 * Gives a type the user's codec.
 * @throws ProgrammingError for a type that does not exist, or a codec that does not fit the type.
 */
export function* setTypeCodec(context: FlowContext, typeName: string, options: TypeCodecOptions): Flow<void> {
  requireTypeCodec(options, typeName)
  const oid = yield* findType(context, typeName, options.schema, 'setTypeCodec')
  const { registry } = context
  const kind = registry.recordOf(oid)?.kind ?? 'b'
  // Building the codec here reports an error now and not at the next statement.
  customCodec(registry.defaultCodecFor(oid), kind, options)
  registry.choose(oid, (base) => customCodec(base, kind, options), options.encoder !== undefined)
  context.statements.clear()
}

/** Gives a type the codec of a built-in type, or of `hstore`. @throws the errors of `setTypeCodec`. */
export function* setBuiltinTypeCodec(
  context: FlowContext,
  typeName: string,
  options: BuiltinTypeCodecOptions,
): Flow<void> {
  requireBuiltinTypeCodec(options)
  const oid = yield* findType(context, typeName, options.schema, 'setBuiltinTypeCodec')
  const { registry } = context
  const kind = registry.recordOf(oid)?.kind ?? 'b'
  const codec = aliasCodec(registry.typeName(oid), kind, options)
  registry.choose(oid, () => codec)
  context.statements.clear()
}

/** Options of `resetTypeCodec`. */
export interface ResetTypeCodecOptions {
  /** The type's schema; without it the search path decides. */
  readonly schema?: string
}

const RESET_TYPE_CODEC = knownOptions<ResetTypeCodecOptions>({ schema: TEXT })

/** Gives a type its built-in codec again. @throws ProgrammingError for a type that does not exist. */
export function* resetTypeCodec(context: FlowContext, typeName: string, options: ResetTypeCodecOptions): Flow<void> {
  requireKnown(options, RESET_TYPE_CODEC, 'resetTypeCodec')
  const oid = yield* findType(context, typeName, options.schema, 'resetTypeCodec')
  context.registry.delete(oid)
  context.statements.clear()
}

const FIND_TYPE = {
  sql: `select case when $3::pg_catalog.text = '' then t.oid else t.typarray end
from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace
where t.typname = $1 and (n.nspname = $2 or $2 = '' and pg_catalog.pg_type_is_visible(t.oid))`,
  parameterTypes: [TEXT_OID, TEXT_OID, TEXT_OID],
  columnTypes: [OID_OID],
}

/** The OID of a type, found by name in a schema or in the search path. Learns the type and its parts too. */
function* findType(context: FlowContext, typeName: unknown, schema: string | undefined, method: string): Flow<number> {
  if (typeof typeName !== 'string' || typeName === '') {
    throw new ProgrammingError(`${method}: expected the name of a type, got ${describeValue(typeName)}`)
  }
  if (schema !== undefined && typeof schema !== 'string') {
    throw new ProgrammingError(`${method}: schema: expected a name, got ${describeValue(schema)}`)
  }
  const builtIn = schema === undefined || schema === 'pg_catalog' ? builtInOidBySpelling(typeName) : null
  if (builtIn !== null) return builtIn
  const isArray = typeName.endsWith('[]')
  const name = isArray ? typeName.slice(0, -2) : typeName
  const [row] = yield* askCatalog(context, FIND_TYPE, [name, schema ?? '', isArray ? '[]' : ''])
  const oid = row?.[0]
  if (typeof oid !== 'number' || oid === 0) {
    const where = schema === undefined ? 'in the search path' : `in the schema "${schema}"`
    throw new ProgrammingError(`${method}: there is no type "${typeName}" ${where}`, {
      hint: schema === undefined ? 'pass { schema } for a type elsewhere' : 'names are compared exactly, in lower case',
    })
  }
  yield* learnTypes(context, [oid])
  return oid
}
