/** The argument types after the name in `\df` and `\do`, as SQL conditions on functions and operators. */
import { patternConditions } from './pattern.ts'

/** Names of types that SQL accepts but the catalog does not have. */
const NAMES = new Map([
  ['decimal', 'numeric'],
  ['float', 'double precision'],
  ['int', 'integer'],
  ['bool[]', 'boolean[]'],
  ['decimal[]', 'numeric[]'],
  ['float[]', 'double precision[]'],
  ['float4[]', 'real[]'],
  ['float8[]', 'double precision[]'],
  ['int[]', 'integer[]'],
  ['int2[]', 'smallint[]'],
  ['int4[]', 'integer[]'],
  ['int8[]', 'bigint[]'],
  ['time[]', 'time without time zone[]'],
  ['timetz[]', 'time with time zone[]'],
  ['timestamp[]', 'timestamp without time zone[]'],
  ['timestamptz[]', 'timestamp with time zone[]'],
  ['varbit[]', 'bit varying[]'],
  ['varchar[]', 'character varying[]'],
])

export interface ArgumentFilter {
  /** An addition to the FROM clause. */
  readonly joins: string
  readonly conditions: readonly string[]
}

/**
 * @param types patterns; `-` stands for an argument that must not exist
 * @param columns for each argument, the SQL of its type's oid
 */
export function filterByArguments(types: readonly string[], columns: readonly string[]): ArgumentFilter {
  const used = types.slice(0, columns.length)
  const joins = used.map(
    (_type, index) => `
  left join pg_catalog.pg_type t${index} on t${index}.oid = ${columns[index]!}
  left join pg_catalog.pg_namespace nt${index} on nt${index}.oid = t${index}.typnamespace`,
  )
  const conditions = used.flatMap((type, index) => {
    if (type === '-') return [`t${index}.typname is null`]
    return patternConditions(NAMES.get(type.toLowerCase()) ?? type, {
      schema: `nt${index}.nspname`,
      name: `t${index}.typname`,
      otherName: `pg_catalog.format_type(t${index}.oid, null)`,
      visible: `pg_catalog.pg_type_is_visible(t${index}.oid)`,
    })
  })
  return { joins: joins.join(''), conditions }
}
