/** The lists of the `\d` family that need only one query: their catalog queries and their headings. */
import { filterByArguments } from './argument-types.ts'
import type { ListRequest } from './ask-catalog.ts'
import type { PatternColumns } from './pattern.ts'

/** The parts of a list's query and its texts. */
export interface List {
  readonly title: string
  /** Columns, as `expression as "Heading"`. */
  readonly columns: readonly string[]
  /** Additional columns for `+`. */
  readonly more: readonly string[]
  readonly from: string
  readonly where?: readonly string[]
  /** Conditions that hide the system's objects, unless there is an `S` or a pattern. */
  readonly ordinary?: readonly string[]
  /** A column that comes after those for `+`. */
  readonly last?: string
  /** The columns that a pattern is compared with. When there are several, a match in one of them is enough. */
  readonly pattern: PatternColumns | readonly PatternColumns[]
  /** The columns that a second pattern is compared with. */
  readonly secondPattern?: PatternColumns
  readonly order: string
  /** The text to print in place of a table without rows. */
  readonly whenEmpty?: string
  /** Whether the count of rows below the table is left out. */
  readonly hasNoFooter?: boolean
}

export const ACL = (column: string): string => `pg_catalog.array_to_string(${column}, E'\\n') as "Access privileges"`
export const OWNER = (column: string): string => `pg_catalog.pg_get_userbyid(${column}) as "Owner"`
export const NO_SYSTEM = ["n.nspname <> 'pg_catalog'", "n.nspname <> 'information_schema'"]

export const KIND_NAMES = `case c.relkind when 'r' then 'table' when 'v' then 'view' when 'm' then 'materialized view'
    when 'i' then 'index' when 'S' then 'sequence' when 't' then 'TOAST table' when 'f' then 'foreign table'
    when 'p' then 'partitioned table' when 'I' then 'partitioned index' end`

export const SCHEMAS: List = {
  title: 'List of schemas',
  columns: ['n.nspname as "Name"', OWNER('n.nspowner')],
  more: [ACL('n.nspacl'), `pg_catalog.obj_description(n.oid, 'pg_namespace') as "Description"`],
  from: 'pg_catalog.pg_namespace n',
  ordinary: ["n.nspname !~ '^pg_'", "n.nspname <> 'information_schema'"],
  pattern: { schema: null, name: 'n.nspname', mostParts: 2 },
  order: '1',
}

export const EXTENSIONS: List = {
  title: 'List of installed extensions',
  columns: [
    'e.extname as "Name"',
    'e.extversion as "Version"',
    'n.nspname as "Schema"',
    `pg_catalog.obj_description(e.oid, 'pg_extension') as "Description"`,
  ],
  more: [],
  from: 'pg_catalog.pg_extension e left join pg_catalog.pg_namespace n on n.oid = e.extnamespace',
  pattern: { schema: null, name: 'e.extname' },
  order: '1',
}

export const TABLESPACES: List = {
  title: 'List of tablespaces',
  columns: ['spcname as "Name"', OWNER('spcowner'), 'pg_catalog.pg_tablespace_location(oid) as "Location"'],
  more: [
    ACL('spcacl'),
    'spcoptions as "Options"',
    'pg_catalog.pg_size_pretty(pg_catalog.pg_tablespace_size(oid)) as "Size"',
    `pg_catalog.shobj_description(oid, 'pg_tablespace') as "Description"`,
  ],
  from: 'pg_catalog.pg_tablespace',
  pattern: { schema: null, name: 'spcname' },
  order: '1',
}

export const LANGUAGES: List = {
  title: 'List of languages',
  columns: [
    'l.lanname as "Name"',
    OWNER('l.lanowner'),
    'l.lanpltrusted as "Trusted"',
    `pg_catalog.obj_description(l.oid, 'pg_language') as "Description"`,
  ],
  more: [],
  from: 'pg_catalog.pg_language l',
  ordinary: ['l.lanplcallfoid <> 0'],
  pattern: { schema: null, name: 'l.lanname', mostParts: 2 },
  order: '1',
}

export const DOMAINS: List = {
  title: 'List of domains',
  columns: [
    'n.nspname as "Schema"',
    't.typname as "Name"',
    'pg_catalog.format_type(t.typbasetype, t.typtypmod) as "Type"',
    `(select c.collname from pg_catalog.pg_collation c, pg_catalog.pg_type bt
    where c.oid = t.typcollation and bt.oid = t.typbasetype and t.typcollation <> bt.typcollation) as "Collation"`,
    `case when t.typnotnull then 'not null' end as "Nullable"`,
    't.typdefault as "Default"',
    `pg_catalog.array_to_string(array(select pg_catalog.pg_get_constraintdef(r.oid, true)
    from pg_catalog.pg_constraint r where t.oid = r.contypid and r.contype = 'c' order by r.conname), ' ') as "Check"`,
  ],
  more: [ACL('t.typacl'), `d.description as "Description"`],
  from: `pg_catalog.pg_type t left join pg_catalog.pg_namespace n on n.oid = t.typnamespace
  left join pg_catalog.pg_description d on d.classoid = 'pg_catalog.pg_type'::regclass and d.objoid = t.oid and d.objsubid = 0`,
  where: ["t.typtype = 'd'"],
  ordinary: NO_SYSTEM,
  pattern: { schema: 'n.nspname', name: 't.typname', visible: 'pg_catalog.pg_type_is_visible(t.oid)' },
  order: '1, 2',
}

export const PRIVILEGES: List = {
  title: 'Access privileges',
  columns: [
    'n.nspname as "Schema"',
    'c.relname as "Name"',
    `${KIND_NAMES} as "Type"`,
    ACL('c.relacl'),
    `pg_catalog.array_to_string(array(select attname || E':\\n  ' || pg_catalog.array_to_string(attacl, E'\\n  ')
    from pg_catalog.pg_attribute a where attrelid = c.oid and not attisdropped and attacl is not null), E'\\n') as "Column privileges"`,
    `pg_catalog.array_to_string(array(select polname || case when not polpermissive then ' (RESTRICTIVE)' else '' end
    || case when polcmd = '*' then ':' else ' (' || polcmd::text || '):' end
    || case when polqual is not null then E'\\n  (u): ' || pg_catalog.pg_get_expr(polqual, polrelid) else '' end
    || case when polwithcheck is not null then E'\\n  (c): ' || pg_catalog.pg_get_expr(polwithcheck, polrelid) else '' end
    || case when polroles <> '{0}' then E'\\n  to: ' || pg_catalog.array_to_string(array(
      select rolname from pg_catalog.pg_roles where oid = any (polroles) order by 1), ', ') else '' end
    from pg_catalog.pg_policy pol where polrelid = c.oid), E'\\n') as "Policies"`,
  ],
  more: [],
  from: 'pg_catalog.pg_class c left join pg_catalog.pg_namespace n on n.oid = c.relnamespace',
  where: ["c.relkind in ('r', 'v', 'm', 'S', 'f', 'p')"],
  ordinary: ["n.nspname !~ '^pg_'", "n.nspname <> 'information_schema'"],
  pattern: { schema: 'n.nspname', name: 'c.relname', visible: 'pg_catalog.pg_table_is_visible(c.oid)' },
  order: '1, 2',
}

export const AGGREGATES: List = {
  title: 'List of aggregate functions',
  columns: [
    'n.nspname as "Schema"',
    'p.proname as "Name"',
    'pg_catalog.format_type(p.prorettype, null) as "Result data type"',
    `case when p.pronargs = 0 then '*' else pg_catalog.pg_get_function_arguments(p.oid) end as "Argument data types"`,
    `pg_catalog.obj_description(p.oid, 'pg_proc') as "Description"`,
  ],
  more: [],
  from: 'pg_catalog.pg_proc p left join pg_catalog.pg_namespace n on n.oid = p.pronamespace',
  where: ["p.prokind = 'a'"],
  ordinary: NO_SYSTEM,
  pattern: { schema: 'n.nspname', name: 'p.proname', visible: 'pg_catalog.pg_function_is_visible(p.oid)' },
  order: '1, 2, 4',
}

/** @param types patterns for the types of the arguments */
export function functionList(letters: string, version: number, types: readonly string[] = []): List {
  const { joins, conditions } = filterByArguments(
    types,
    types.map((_type, index) => `p.proargtypes[${index}]`),
  )
  const kinds = [...letters].map((letter) => ({ a: 'a', n: 'f', p: 'p', w: 'w' })[letter]).filter(Boolean)
  const where: string[] = []
  const ofTrigger = "p.prorettype = 'pg_catalog.trigger'::pg_catalog.regtype"
  if (letters !== '') {
    const either = kinds.length === 0 ? [] : [`p.prokind in (${kinds.map((kind) => `'${kind}'`).join(', ')})`]
    if (letters.includes('t')) either.push(ofTrigger)
    where.push(`(${either.join(' or ')})`)
    if (letters.includes('n') && !letters.includes('t')) where.push(`${ofTrigger} is not true`)
  }
  return {
    title: 'List of functions',
    columns: [
      'n.nspname as "Schema"',
      'p.proname as "Name"',
      'pg_catalog.pg_get_function_result(p.oid) as "Result data type"',
      'pg_catalog.pg_get_function_arguments(p.oid) as "Argument data types"',
      `case p.prokind when 'a' then 'agg' when 'w' then 'window' when 'p' then 'proc' else 'func' end as "Type"`,
    ],
    more: [
      `case p.provolatile when 'i' then 'immutable' when 's' then 'stable' when 'v' then 'volatile' end as "Volatility"`,
      `case p.proparallel when 'r' then 'restricted' when 's' then 'safe' when 'u' then 'unsafe' end as "Parallel"`,
      OWNER('p.proowner'),
      `case when p.prosecdef then 'definer' else 'invoker' end as "Security"`,
      ACL('p.proacl'),
      'l.lanname as "Language"',
      `${version < 140_000 ? 'p.prosrc' : 'coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc)'} as "Source code"`,
      `pg_catalog.obj_description(p.oid, 'pg_proc') as "Description"`,
    ],
    from: `pg_catalog.pg_proc p left join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  left join pg_catalog.pg_language l on l.oid = p.prolang${joins}`,
    where: [...where, ...conditions],
    ordinary: NO_SYSTEM,
    pattern: { schema: 'n.nspname', name: 'p.proname', visible: 'pg_catalog.pg_function_is_visible(p.oid)' },
    order: '1, 2, 4',
  }
}

export function typeList(how: ListRequest): List {
  const shown = `pg_catalog.format_type(t.oid, null)`
  return {
    title: 'List of data types',
    columns: [
      'n.nspname as "Schema"',
      `${shown} as "Name"`,
      ...(how.isVerbose
        ? [
            't.typname as "Internal name"',
            `case when t.typrelid <> 0 then 'tuple' when t.typlen < 0 then 'var' else t.typlen::text end as "Size"`,
            `pg_catalog.array_to_string(array(select e.enumlabel from pg_catalog.pg_enum e
    where e.enumtypid = t.oid order by e.enumsortorder), E'\\n') as "Elements"`,
            OWNER('t.typowner'),
            ACL('t.typacl'),
          ]
        : []),
      `pg_catalog.obj_description(t.oid, 'pg_type') as "Description"`,
    ],
    more: [],
    from: 'pg_catalog.pg_type t left join pg_catalog.pg_namespace n on n.oid = t.typnamespace',
    where: [
      `(t.typrelid = 0 or (select c.relkind = 'c' from pg_catalog.pg_class c where c.oid = t.typrelid))`,
      ...(how.pattern?.includes('[]') === true
        ? []
        : ['not exists (select from pg_catalog.pg_type el where el.oid = t.typelem and el.typarray = t.oid)']),
    ],
    ordinary: NO_SYSTEM,
    pattern: { schema: 'n.nspname', name: shown, visible: 'pg_catalog.pg_type_is_visible(t.oid)' },
    order: '1, 2',
  }
}

export function roleList({ isVerbose }: ListRequest): List {
  const attributes = [
    `case when r.rolsuper then 'Superuser' end`,
    `case when not r.rolinherit then 'No inheritance' end`,
    `case when r.rolcreaterole then 'Create role' end`,
    `case when r.rolcreatedb then 'Create DB' end`,
    `case when not r.rolcanlogin then 'Cannot login' end`,
    `case when r.rolreplication then 'Replication' end`,
    `case when r.rolbypassrls then 'Bypass RLS' end`,
  ]
  const limit = `case when r.rolconnlimit = 0 then 'No connections' when r.rolconnlimit = 1 then '1 connection'
    when r.rolconnlimit > 1 then r.rolconnlimit || ' connections' end`
  const until = `case when r.rolvaliduntil is not null then 'Password valid until ' || r.rolvaliduntil end`
  return {
    title: 'List of roles',
    columns: [
      'r.rolname as "Role name"',
      `concat_ws(E'\\n', nullif(concat_ws(', ', ${attributes.join(', ')}), ''), ${limit}, ${until}) as "Attributes"`,
      `array(select b.rolname from pg_catalog.pg_auth_members m join pg_catalog.pg_roles b on m.roleid = b.oid
    where m.member = r.oid) as "Member of"`,
      ...(isVerbose ? [`pg_catalog.shobj_description(r.oid, 'pg_authid') as "Description"`] : []),
    ],
    more: [],
    from: 'pg_catalog.pg_roles r',
    ordinary: ["r.rolname !~ '^pg_'"],
    hasNoFooter: true,
    pattern: { schema: null, name: 'r.rolname' },
    order: '1',
  }
}

export function databaseList(version: number): List {
  const provider = `case d.datlocprovider when 'c' then 'libc' when 'i' then 'icu' when 'b' then 'builtin' end`
  const locale = version >= 170_000 ? 'd.datlocale' : version >= 150_000 ? 'd.daticulocale' : 'null::text'
  return {
    title: 'List of databases',
    columns: [
      'd.datname as "Name"',
      OWNER('d.datdba'),
      'pg_catalog.pg_encoding_to_char(d.encoding) as "Encoding"',
      ...(version >= 160_000 ? [`${provider} as "Locale Provider"`] : []),
      'd.datcollate as "Collate"',
      'd.datctype as "Ctype"',
      `${locale} as "${version >= 170_000 ? 'Locale' : 'ICU Locale'}"`,
      ...(version >= 160_000 ? ['d.daticurules as "ICU Rules"'] : []),
      ...(version < 160_000 ? [`${version >= 150_000 ? provider : "'libc'"} as "Locale Provider"`] : []),
      ACL('d.datacl'),
    ],
    more: [
      `case when pg_catalog.has_database_privilege(d.datname, 'CONNECT')
    then pg_catalog.pg_size_pretty(pg_catalog.pg_database_size(d.datname)) else 'No Access' end as "Size"`,
      't.spcname as "Tablespace"',
      `pg_catalog.shobj_description(d.oid, 'pg_database') as "Description"`,
    ],
    from: 'pg_catalog.pg_database d join pg_catalog.pg_tablespace t on d.dattablespace = t.oid',
    pattern: { schema: null, name: 'd.datname' },
    order: '1',
  }
}
