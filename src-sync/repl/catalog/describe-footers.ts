/** The lines that `\d name` prints below the columns: indexes, constraints, policies, rules, triggers, inheritance, partitions. */
import { quoteLiteral } from '../../index.ts'
import { askCatalog } from './ask-catalog.ts'
import type { Shell } from '../shell.ts'
import type { Cell } from '../print/table.ts'
import { publishedPart } from './publications.ts'

export interface Relation {
  readonly oid: string
  readonly schema: string
  readonly name: string
  /** `pg_class.relkind`. */
  readonly kind: string
  readonly isUnlogged: boolean
  readonly isPartition: boolean
  readonly method: string | null
  readonly hasPolicies: boolean
  readonly forcesPolicies: boolean
  readonly replicaIdentity: string
  readonly tablespace: string | null
  readonly ofType: string | null
  readonly version: number
  readonly isVerbose: boolean
}

type Ask = (sql: string) => Cell[][]

export function relationFooters(shell: Shell, relation: Relation): string[] {
  const ask: Ask = (sql) => askCatalog(shell, sql)
  const { kind } = relation
  if (kind === 'i' || kind === 'I') {
    const above = relation.isPartition ? partitionOf(ask, relation) : []
    return [
      ...above,
      ...indexFooter(ask, relation),
      ...children(ask, relation),
      ...space(relation),
      ...options(ask, relation),
    ]
  }
  if (kind === 'c') return []
  const footers: string[] = []
  if (kind === 't') footers.push(...toastOwner(ask, relation))
  if (relation.isPartition) footers.push(...partitionOf(ask, relation))
  if (kind === 'p') footers.push(...partitionKey(ask, relation))
  if (kind === 'v' && relation.isVerbose) footers.push(...viewDefinition(ask, relation))
  if ('rmpt'.includes(kind)) footers.push(...indexes(ask, relation))
  if ('rpf'.includes(kind)) {
    footers.push(...checks(ask, relation), ...foreignKeys(ask, relation), ...references(ask, relation))
    footers.push(...policies(ask, relation))
  }
  if ('rmpf'.includes(kind)) footers.push(...statistics(ask, relation))
  if (kind !== 'm' && (kind !== 'v' || relation.isVerbose)) footers.push(...rules(ask, relation))
  if ('rp'.includes(kind)) footers.push(...publications(ask, relation))
  if (kind === 'm' && relation.isVerbose) footers.push(...viewDefinition(ask, relation))
  if ('rpfv'.includes(kind)) footers.push(...triggers(ask, relation))
  if ('rpf'.includes(kind))
    footers.push(...foreignServer(ask, relation), ...parents(ask, relation), ...children(ask, relation))
  if (relation.ofType !== null) footers.push(`Typed table of type: ${relation.ofType}`)
  footers.push(...endings(relation), ...options(ask, relation))
  return footers
}

function list(heading: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`${heading}:`, ...lines.map((line) => `    ${line}`)]
}

function first(rows: Cell[][], column = 0): string[] {
  return rows.map((row) => row[column] ?? '')
}

const id = ({ oid }: Relation): string => quoteLiteral(oid)

function partitionOf(ask: Ask, relation: Relation): string[] {
  const sql = `select i.inhparent::pg_catalog.regclass, pg_catalog.pg_get_expr(c.relpartbound, c.oid),
  pg_catalog.pg_get_partition_constraintdef(c.oid)
from pg_catalog.pg_class c join pg_catalog.pg_inherits i on c.oid = i.inhrelid where c.oid = ${id(relation)}`
  return ask(sql).flatMap(([parent, bound, constraint]) => {
    const detail =
      constraint === null || constraint === '' ? 'No partition constraint' : `Partition constraint: ${constraint}`
    return [`Partition of: ${parent} ${bound ?? ''}`, ...(relation.isVerbose ? [detail] : [])]
  })
}

function partitionKey(ask: Ask, relation: Relation): string[] {
  return first(ask(`select pg_catalog.pg_get_partkeydef(${id(relation)})`)).map((key) => `Partition key: ${key}`)
}

function toastOwner(ask: Ask, relation: Relation): string[] {
  const sql = `select n.nspname, c.relname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.reltoastrelid = ${id(relation)}`
  return ask(sql).map(([schema, name]) => `Owning table: "${schema}.${name}"`)
}

function viewDefinition(ask: Ask, relation: Relation): string[] {
  const [definition] = first(ask(`select pg_catalog.pg_get_viewdef(${id(relation)}::pg_catalog.oid, true)`))
  return ['View definition:', ...(definition ?? '').split('\n')]
}

function indexFooter(ask: Ask, relation: Relation): string[] {
  const nulls = relation.version >= 150_000 ? 'i.indnullsnotdistinct' : 'false'
  const sql = `select i.indisprimary, i.indisunique, ${nulls}, am.amname, n.nspname, c.relname,
  pg_catalog.pg_get_expr(i.indpred, i.indrelid, true), i.indisclustered, i.indisvalid,
  exists (select from pg_catalog.pg_constraint where conindid = i.indexrelid and contype in ('p', 'u', 'x') and condeferrable),
  exists (select from pg_catalog.pg_constraint where conindid = i.indexrelid and contype in ('p', 'u', 'x') and condeferred),
  i.indisreplident
from pg_catalog.pg_index i
  join pg_catalog.pg_class c on c.oid = i.indrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_class x on x.oid = i.indexrelid
  join pg_catalog.pg_am am on am.oid = x.relam
where i.indexrelid = ${id(relation)}`
  return ask(sql).map((row) => {
    const [
      primary,
      unique,
      distinct,
      method,
      schema,
      table,
      predicate,
      clustered,
      valid,
      deferrable,
      deferred,
      identity,
    ] = row
    let text =
      primary === 't'
        ? 'primary key, '
        : unique === 't'
          ? `unique${distinct === 't' ? ' nulls not distinct' : ''}, `
          : ''
    text += `${method}, for table "${schema}.${table}"`
    if (predicate !== null && predicate !== undefined) text += `, predicate (${predicate})`
    if (clustered === 't') text += ', clustered'
    if (valid !== 't') text += ', invalid'
    if (deferrable === 't') text += ', deferrable'
    if (deferred === 't') text += ', initially deferred'
    if (identity === 't') text += ', replica identity'
    return text
  })
}

function indexes(ask: Ask, relation: Relation): string[] {
  const sql = `select c.relname, i.indisprimary, i.indisunique, i.indisclustered, i.indisvalid,
  pg_catalog.pg_get_indexdef(i.indexrelid, 0, true), pg_catalog.pg_get_constraintdef(k.oid, true), k.contype,
  k.condeferrable, k.condeferred, i.indisreplident, s.spcname
from pg_catalog.pg_index i
  join pg_catalog.pg_class c on c.oid = i.indexrelid
  left join pg_catalog.pg_constraint k on k.conrelid = i.indrelid and k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x')
  left join pg_catalog.pg_tablespace s on s.oid = c.reltablespace
where i.indrelid = ${id(relation)}
order by i.indisprimary desc, c.relname`
  const lines = ask(sql).map((row) => {
    const [
      name,
      primary,
      unique,
      clustered,
      valid,
      definition,
      constraint,
      type,
      deferrable,
      deferred,
      identity,
      tablespace,
    ] = row
    let text = `"${name}"`
    if (type === 'x') {
      text += ` ${constraint}`
    } else {
      if (primary === 't') text += ' PRIMARY KEY,'
      else if (unique === 't') text += type === 'u' ? ' UNIQUE CONSTRAINT,' : ' UNIQUE,'
      text += ` ${definition?.slice(definition.indexOf(' USING ') + 7)}`
      if (deferrable === 't') text += ' DEFERRABLE'
      if (deferred === 't') text += ' INITIALLY DEFERRED'
    }
    if (clustered === 't') text += ' CLUSTER'
    if (valid !== 't') text += ' INVALID'
    if (identity === 't') text += ' REPLICA IDENTITY'
    return tablespace === null ? text : `${text}, tablespace "${tablespace}"`
  })
  return list('Indexes', lines)
}

function checks(ask: Ask, relation: Relation): string[] {
  const sql = `select conname, pg_catalog.pg_get_constraintdef(oid, true) from pg_catalog.pg_constraint
where conrelid = ${id(relation)} and contype = 'c' order by 1`
  return list(
    'Check constraints',
    ask(sql).map(([name, definition]) => `"${name}" ${definition}`),
  )
}

function foreignKeys(ask: Ask, relation: Relation): string[] {
  const sql = `select k.conrelid = ${id(relation)}::pg_catalog.oid, k.conname, pg_catalog.pg_get_constraintdef(k.oid, true),
  k.conrelid::pg_catalog.regclass
from pg_catalog.pg_constraint k
where k.contype = 'f' and k.conparentid = 0 and (k.conrelid = ${id(relation)}
  or k.conrelid in (select relid from pg_catalog.pg_partition_ancestors(${id(relation)})))
order by k.conname`
  const lines = ask(sql).map(([isOwn, name, definition, table]) =>
    isOwn === 't' ? `"${name}" ${definition}` : `TABLE "${table}" CONSTRAINT "${name}" ${definition}`,
  )
  return list('Foreign-key constraints', lines)
}

function references(ask: Ask, relation: Relation): string[] {
  const sql = `select conname, conrelid::pg_catalog.regclass, pg_catalog.pg_get_constraintdef(oid, true)
from pg_catalog.pg_constraint
where contype = 'f' and conparentid = 0 and (confrelid = ${id(relation)}
  or confrelid in (select relid from pg_catalog.pg_partition_ancestors(${id(relation)})))
order by conname`
  const lines = ask(sql).map(([name, table, definition]) => `TABLE "${table}" CONSTRAINT "${name}" ${definition}`)
  return list('Referenced by', lines)
}

const POLICY_COMMANDS: Readonly<Record<string, string>> = { r: 'SELECT', a: 'INSERT', w: 'UPDATE', d: 'DELETE' }

function policies(ask: Ask, relation: Relation): string[] {
  const sql = `select polname, polpermissive, polcmd,
  case when polroles <> '{0}' then pg_catalog.array_to_string(array(
    select rolname from pg_catalog.pg_roles where oid = any (polroles) order by 1), ',') end,
  pg_catalog.pg_get_expr(polqual, polrelid), pg_catalog.pg_get_expr(polwithcheck, polrelid)
from pg_catalog.pg_policy where polrelid = ${id(relation)} order by 1`
  const rows = ask(sql)
  const { hasPolicies, forcesPolicies } = relation
  if (rows.length === 0) {
    if (!hasPolicies) return []
    return [`Policies (${forcesPolicies ? 'forced ' : ''}row security enabled): (none)`]
  }
  const state = !hasPolicies ? ' (row security disabled)' : forcesPolicies ? ' (forced row security enabled)' : ''
  const lines = rows.flatMap(([name, permissive, command, roles, using, check]) => {
    const restrictive = permissive === 't' ? '' : ' AS RESTRICTIVE'
    const kind = POLICY_COMMANDS[command ?? '']
    const parts = [`POLICY "${name}"${restrictive}${kind === undefined ? '' : ` FOR ${kind}`}`]
    if (roles !== null) parts.push(`  TO ${roles}`)
    if (using !== null) parts.push(`  USING (${using})`)
    if (check !== null) parts.push(`  WITH CHECK (${check})`)
    return parts
  })
  return list(`Policies${state}`, lines)
}

function statistics(ask: Ask, relation: Relation): string[] {
  if (relation.version < 140_000) return []
  const sql = `select e.stxnamespace::pg_catalog.regnamespace, e.stxname, pg_catalog.pg_get_statisticsobjdef_columns(e.oid),
  'd' = any (stxkind), 'f' = any (stxkind), 'm' = any (stxkind), e.stxrelid::pg_catalog.regclass,
  nullif(e.stxstattarget, -1)
from pg_catalog.pg_statistic_ext e where stxrelid = ${id(relation)} order by e.stxname`
  const lines = ask(sql).map(([schema, name, columns, hasDistinct, hasDependencies, hasMcv, table, target]) => {
    const kinds = [
      hasDistinct === 't' && 'ndistinct',
      hasDependencies === 't' && 'dependencies',
      hasMcv === 't' && 'mcv',
    ]
    const some = kinds.filter(Boolean)
    const shown = some.length === 3 || some.length === 0 ? '' : ` (${some.join(', ')})`
    const aim = target === null || target === undefined ? '' : `; STATISTICS ${target}`
    return `"${schema}.${name}"${shown} ON ${columns} FROM ${table}${aim}`
  })
  return list('Statistics objects', lines)
}

function rules(ask: Ask, relation: Relation): string[] {
  const sql = `select pg_catalog.pg_get_ruledef(oid, true), ev_enabled from pg_catalog.pg_rewrite
where ev_class = ${id(relation)} and rulename <> '_RETURN' order by rulename`
  const rows = ask(sql)
  // psql indents rules in this way.
  const indent = relation.kind === 'v' ? ' ' : '    '
  const some = (heading: string, states: string): string[] => {
    const lines = rows
      .filter(([, state]) => states.includes(state ?? ''))
      .map(([rule]) => (rule ?? '').slice('CREATE RULE '.length).replace(/;$/, ''))
    return lines.length === 0 ? [] : [heading, ...lines.flatMap((line) => `${indent}${line}`.split('\n'))]
  }
  if (relation.kind === 'v') return some('Rules:', 'OARD')
  return [
    ...some('Rules:', 'O'),
    ...some('Disabled rules:', 'D'),
    ...some('Rules firing always:', 'A'),
    ...some('Rules firing on replica only:', 'R'),
  ]
}

function publications(ask: Ask, relation: Relation): string[] {
  const ofSchema =
    relation.version < 15_00_00
      ? ''
      : `union select '"' || p.pubname || '"' from pg_catalog.pg_publication p
  join pg_catalog.pg_publication_namespace x on x.pnpubid = p.oid
  join pg_catalog.pg_class c on c.relnamespace = x.pnnspid where c.oid = ${id(relation)}
  and pg_catalog.pg_relation_is_publishable(c.oid) `
  const sql = `select '"' || p.pubname || '"'${publishedPart(relation.version)}
from pg_catalog.pg_publication p join pg_catalog.pg_publication_rel r on p.oid = r.prpubid where r.prrelid = ${id(relation)}
${ofSchema}union select '"' || p.pubname || '"' from pg_catalog.pg_publication p
where p.puballtables and pg_catalog.pg_relation_is_publishable(${id(relation)}) order by 1`
  return list('Publications', first(ask(sql)))
}

function triggers(ask: Ask, relation: Relation): string[] {
  const sql = `select t.tgname, pg_catalog.pg_get_triggerdef(t.oid, true), t.tgenabled,
  ${
    relation.version < 130_000
      ? 'null'
      : `case when t.tgparentid <> 0 then (select u.tgrelid::pg_catalog.regclass from pg_catalog.pg_trigger u
    join pg_catalog.pg_partition_ancestors(t.tgrelid) with ordinality as a(relid, depth) on u.tgrelid = a.relid
    where u.tgname = t.tgname and u.tgparentid = 0 order by a.depth limit 1) end`
  }
from pg_catalog.pg_trigger t where t.tgrelid = ${id(relation)} and not t.tgisinternal order by 1`
  const rows = ask(sql)
  const some = (heading: string, state: string): string[] => {
    const lines = rows
      .filter(([, , enabled]) => enabled === state)
      .map(([, definition, , parent]) => {
        const text = (definition ?? '').slice((definition ?? '').indexOf('TRIGGER ') + 'TRIGGER '.length)
        return parent === null ? text : `${text}, ON TABLE ${parent}`
      })
    return list(heading, lines)
  }
  return [
    ...some('Triggers', 'O'),
    ...some('Disabled user triggers', 'D'),
    ...some('Triggers firing always', 'A'),
    ...some('Triggers firing on replica only', 'R'),
  ]
}

function foreignServer(ask: Ask, relation: Relation): string[] {
  if (relation.kind !== 'f') return []
  const sql = `select s.srvname, pg_catalog.array_to_string(array(select pg_catalog.quote_ident(option_name) || ' '
  || pg_catalog.quote_literal(option_value) from pg_catalog.pg_options_to_table(f.ftoptions)), ', ')
from pg_catalog.pg_foreign_table f join pg_catalog.pg_foreign_server s on s.oid = f.ftserver where f.ftrelid = ${id(relation)}`
  return ask(sql).flatMap(([server, options]) => [
    `Server: ${server}`,
    ...(options === '' || options === null ? [] : [`FDW options: (${options})`]),
  ])
}

function parents(ask: Ask, relation: Relation): string[] {
  if (relation.isPartition) return []
  const sql = `select c.oid::pg_catalog.regclass from pg_catalog.pg_class c join pg_catalog.pg_inherits i on c.oid = i.inhparent
where i.inhrelid = ${id(relation)} and c.relkind <> 'p' and c.relkind <> 'I' order by i.inhseqno`
  return hangingList('Inherits: ', first(ask(sql)))
}

function children(ask: Ask, relation: Relation): string[] {
  const isPartitioned = relation.kind === 'p' || relation.kind === 'I'
  const sql = `select c.oid::pg_catalog.regclass, c.relkind, pg_catalog.pg_get_expr(c.relpartbound, c.oid)
from pg_catalog.pg_class c join pg_catalog.pg_inherits i on c.oid = i.inhrelid where i.inhparent = ${id(relation)}
order by pg_catalog.pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT', c.oid::pg_catalog.regclass::pg_catalog.text`
  const rows = ask(sql)
  if (isPartitioned && rows.length === 0) return ['Number of partitions: 0']
  if (rows.length === 0) return []
  if (!relation.isVerbose) {
    const what = isPartitioned ? 'partitions' : 'child tables'
    return [`Number of ${what}: ${rows.length} (Use \\d+ to list them.)`]
  }
  const lines = rows.map(([name, kind, bound]) => {
    const partitioned = kind === 'p' || kind === 'I' ? ', PARTITIONED' : ''
    return `${name}${bound === null ? '' : ` ${bound}`}${partitioned}`
  })
  return hangingList(isPartitioned ? 'Partitions: ' : 'Child tables: ', lines)
}

/** One line for each item; the first stands beside the heading, the others are indented to it. */
function hangingList(heading: string, lines: readonly string[]): string[] {
  const indent = ' '.repeat(heading.length)
  return lines.map((line, index) => (index === 0 ? heading : indent) + line + (index < lines.length - 1 ? ',' : ''))
}

function endings(relation: Relation): string[] {
  const { replicaIdentity, kind, isVerbose, method, schema } = relation
  const footers: string[] = []
  if (isVerbose && 'rmp'.includes(kind) && schema !== 'pg_catalog') {
    if (replicaIdentity === 'f') footers.push('Replica Identity: FULL')
    if (replicaIdentity === 'n') footers.push('Replica Identity: NOTHING')
  }
  footers.push(...space(relation))
  if (isVerbose && method !== null && 'rmp'.includes(kind)) footers.push(`Access method: ${method}`)
  return footers
}

/** The storage parameters set by `with (…)`, of the relation and of its TOAST table. */
function options(ask: Ask, relation: Relation): string[] {
  if (!relation.isVerbose) return []
  const found = first(
    ask(`select pg_catalog.array_to_string(c.reloptions || array(select 'toast.' || x from pg_catalog.unnest(tc.reloptions) x), ', ')
from pg_catalog.pg_class c left join pg_catalog.pg_class tc on tc.oid = c.reltoastrelid where c.oid = ${id(relation)}`),
  )
  return found.filter((text) => text !== '').map((text) => `Options: ${text}`)
}

function space({ tablespace }: Relation): string[] {
  return tablespace === null ? [] : [`Tablespace: "${tablespace}"`]
}
