/** `\dP`: lists partitioned tables and indexes: the topmost ones, or with `n` the nested ones too. */
import type { ListRequest } from './ask-catalog.ts'
import { KIND_NAMES, type List, NO_SYSTEM, OWNER } from './object-lists.ts'

/** @param letters `t` for tables, `i` for indexes, both when neither is given; `n` adds nested ones */
export function partitionedList(letters: string, { pattern }: ListRequest): List {
  const showsTables = letters.includes('t') || !letters.includes('i')
  const showsIndexes = letters.includes('i') || !letters.includes('t')
  const isMixed = showsTables && showsIndexes
  const showsNested = letters.includes('n')
  const hasParents = showsNested || pattern !== undefined
  const size = (column: string, condition: string): string =>
    `(select pg_catalog.pg_size_pretty(coalesce(sum(pg_catalog.pg_table_size(t.relid)), 0))
    from pg_catalog.pg_partition_tree(c.oid) t where ${condition}) as "${column}"`
  return {
    title: `List of partitioned ${isMixed ? 'relations' : showsTables ? 'tables' : 'indexes'}`,
    columns: [
      'n.nspname as "Schema"',
      'c.relname as "Name"',
      OWNER('c.relowner'),
      ...(isMixed ? [`${KIND_NAMES} as "Type"`] : []),
      ...(hasParents ? ['i.inhparent::pg_catalog.regclass as "Parent name"'] : []),
      ...(showsIndexes ? ['x.indrelid::pg_catalog.regclass as "Table"'] : []),
    ],
    more: [
      ...(showsNested ? [size('Leaf partition size', 't.isleaf and t.level = 1')] : []),
      size('Total size', 'true'),
      `pg_catalog.obj_description(c.oid, 'pg_class') as "Description"`,
    ],
    from: `pg_catalog.pg_class c
  left join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join pg_catalog.pg_index x on x.indexrelid = c.oid
  left join pg_catalog.pg_inherits i on i.inhrelid = c.oid`,
    where: [
      `c.relkind in (${[...(showsTables ? ["'p'"] : []), ...(showsIndexes ? ["'I'"] : [])].join(', ')})`,
      ...(hasParents ? [] : ['not c.relispartition']),
    ],
    ordinary: [...NO_SYSTEM, "n.nspname !~ '^pg_toast'"],
    pattern: { schema: 'n.nspname', name: 'c.relname', visible: 'pg_catalog.pg_table_is_visible(c.oid)' },
    order: ['1', ...(isMixed ? ['"Type" desc'] : []), ...(hasParents ? ['"Parent name" nulls first'] : []), '2'].join(
      ', ',
    ),
  }
}
