/** Names from the catalog for completion. They are read when the user presses Tab, and again when the catalog may have changed. */
import { DbError } from '../../index.ts'
import { foldName } from '../fold-name.ts'
import type { Shell } from '../shell.ts'

/** Limit for each kind of name, so that the first Tab is quick in a large database. */
const MOST_NAMES = 20_000
/** Time limit for a catalog query. No keys are read while it runs, so the user could not interrupt it. */
const MOST_MS = 3000
const SAVEPOINT = 'syncpg_completion'
/** A name, with or without its schema. */
const RELATION = /^(?:"[^"]+"|[\p{L}_][\p{L}\p{N}_$]*)(?:\.(?:"[^"]+"|[\p{L}_][\p{L}\p{N}_$]*))?$/u
const LIMIT = `order by 1 limit ${MOST_NAMES}`

/** Functions that users call; not those that implement types, operators, casts, indexes and aggregates. */
const CALLABLE = `true
  and not exists (select from pg_catalog.unnest(p.proargtypes) a where a in ('internal'::regtype, 'cstring'::regtype))
  and p.prorettype not in ('internal'::regtype, 'cstring'::regtype, 'trigger'::regtype, 'event_trigger'::regtype,
    'language_handler'::regtype, 'fdw_handler'::regtype, 'index_am_handler'::regtype, 'table_am_handler'::regtype)
  and not (n.nspname = 'pg_catalog' and (
    exists (select from pg_catalog.pg_operator o where o.oprcode = p.oid)
    or exists (select from pg_catalog.pg_amproc a where a.amproc = p.oid)
    or exists (select from pg_catalog.pg_cast c where c.castfunc = p.oid)
    or exists (select from pg_catalog.pg_aggregate g where p.oid in (g.aggtransfn, g.aggfinalfn, g.aggcombinefn, g.aggmtransfn, g.aggminvtransfn, g.aggmfinalfn))
    or p.proname ~ '^(pg_|binary_upgrade_|RI_|ts_|gin_|gist_|spg_|brin|bt|hash|int[0-9]|float[0-9]|numeric_|date_(cmp|eq|ge|gt|le|lt|ne|mi|pl)|array_(eq|ge|gt|le|lt|ne))'))
`

const QUERIES = {
  keywords: 'select word from pg_catalog.pg_get_keywords() order by 1',
  schemas: `select pg_catalog.quote_ident(nspname) from pg_catalog.pg_namespace where nspname !~ '^pg_(toast|temp)' ${LIMIT}`,
  functions: `select distinct pg_catalog.quote_ident(p.proname) from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where pg_catalog.pg_function_is_visible(p.oid) and (${CALLABLE}) ${LIMIT}`,
  relations: `select case when pg_catalog.pg_table_is_visible(c.oid) then '' else pg_catalog.quote_ident(n.nspname) || '.' end
  || pg_catalog.quote_ident(c.relname)
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^pg_|^information_schema$' ${LIMIT}`,
  systemRelations: `select pg_catalog.quote_ident(c.relname)
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'v') and n.nspname = 'pg_catalog' ${LIMIT}`,
  types: `select pg_catalog.format_type(t.oid, null) from pg_catalog.pg_type t
where pg_catalog.pg_type_is_visible(t.oid) and t.typname !~ '^_|^pg_' and t.typrelid = 0 and t.typtype <> 'p' ${LIMIT}`,
  settings: `select name from pg_catalog.pg_settings ${LIMIT}`,
  databases: `select pg_catalog.quote_ident(datname) from pg_catalog.pg_database where datallowconn ${LIMIT}`,
  roles: `select pg_catalog.quote_ident(rolname) from pg_catalog.pg_roles where rolname !~ '^pg_' ${LIMIT}`,
  extensions: `select pg_catalog.quote_ident(extname) from pg_catalog.pg_extension ${LIMIT}`,
} as const

export type NameKind = keyof typeof QUERIES

export class CompletionCatalog {
  readonly #shell: Shell
  #known = new Map<string, readonly string[]>()
  #generation = -1

  constructor(shell: Shell) {
    this.#shell = shell
  }

  /** Empty when the catalog cannot be read: there is no connection, or the transaction has failed. */
  names(kind: NameKind): readonly string[] {
    return this.#ask(QUERIES[kind])
  }

  columnsOf(relation: string): readonly string[] {
    if (!RELATION.test(relation)) return []
    return this.#ask(`select pg_catalog.quote_ident(attname) from pg_catalog.pg_attribute
where attrelid = pg_catalog.to_regclass(${literal(relation)}) and attnum > 0 and not attisdropped order by attnum`)
  }

  /** Relations and functions of a schema, prefixed with its name as it was typed. */
  within(schema: string): readonly string[] {
    const name = literal(schema.startsWith('"') ? schema.replaceAll('"', '') : foldName(schema))
    const names = this.#ask(`select pg_catalog.quote_ident(c.relname) from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = ${name} and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
union select pg_catalog.quote_ident(p.proname) from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace where n.nspname = ${name} and (${CALLABLE}) ${LIMIT}`)
    return names.map((each) => `${schema}.${each}`)
  }

  /** The possible values of a setting. */
  valuesOf(setting: string): readonly string[] {
    const name = literal(setting)
    const values = this.#ask(`select unnest(case vartype when 'bool' then array['on', 'off'] else enumvals end)
from pg_catalog.pg_settings where name = ${name} and context <> 'internal'`)
    if (setting === 'search_path') return [...this.names('schemas'), 'default']
    return [...values, 'default']
  }

  #ask(sql: string): readonly string[] {
    const shell = this.#shell
    if (this.#generation !== shell.generation) {
      this.#known.clear()
      this.#generation = shell.generation
    }
    const known = this.#known.get(sql)
    if (known !== undefined) return known
    const { connection } = shell
    if (connection.closed || connection.info.status === 'failed') return []
    const isWithin = connection.info.status === 'in-transaction'
    const send = (text: string): (string | null)[][] =>
      connection.execute<(string | null)[]>(text, null, { text: true, timeout: MOST_MS }).fetchall()
    try {
      // An error here must not abort the user's transaction.
      if (isWithin) send(`savepoint ${SAVEPOINT}`)
      const names = send(sql).flatMap(([name]) => (name === null || name === undefined ? [] : [name]))
      this.#known.set(sql, names)
      if (isWithin) send(`release ${SAVEPOINT}`)
      return names
    } catch (failure) {
      if (!(failure instanceof DbError)) throw failure
      if (isWithin && !connection.closed) send(`rollback to ${SAVEPOINT}; release ${SAVEPOINT}`)
      return []
    }
  }
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
