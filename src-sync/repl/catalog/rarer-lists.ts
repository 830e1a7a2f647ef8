/** The rarely used lists of the `\d` family, by the letters after `\d`. */
import { OPERATOR_LISTS } from './operator-lists.ts'
import { filterByArguments } from './argument-types.ts'
import type { ListRequest } from './ask-catalog.ts'
import { ACL, type List, NO_SYSTEM, OWNER } from './object-lists.ts'

/** @param version of the server, such as 150004 for 15.4; newer servers have more columns */
type ListMaker = (how: ListRequest, version: number) => List

const described = (oid: string, catalog: string): string =>
  `pg_catalog.obj_description(${oid}, '${catalog}') as "Description"`
const schemaOf = (column: string): string => `left join pg_catalog.pg_namespace n on n.oid = ${column}`
const fdwOptions = (column: string): string =>
  `case when ${column} is null then '' else '(' || pg_catalog.array_to_string(array(
    select pg_catalog.quote_ident(option_name) || ' ' || pg_catalog.quote_literal(option_value)
    from pg_catalog.pg_options_to_table(${column})), ', ') || ')' end as "FDW options"`

const RARER: Readonly<Record<string, ListMaker>> = {
  A: ({ isVerbose }) => ({
    title: 'List of access methods',
    columns: [
      'a.amname as "Name"',
      `case a.amtype when 'i' then 'Index' when 't' then 'Table' end as "Type"`,
      ...(isVerbose ? ['a.amhandler as "Handler"', described('a.oid', 'pg_am')] : []),
    ],
    more: [],
    from: 'pg_catalog.pg_am a',
    pattern: { schema: null, name: 'a.amname' },
    order: '1',
  }),
  C: () => ({
    title: 'List of casts',
    columns: [
      'pg_catalog.format_type(c.castsource, null) as "Source type"',
      'pg_catalog.format_type(c.casttarget, null) as "Target type"',
      `case c.castmethod when 'b' then '(binary coercible)' when 'i' then '(with inout)' else p.proname end as "Function"`,
      `case c.castcontext when 'e' then 'no' when 'a' then 'in assignment' else 'yes' end as "Implicit?"`,
    ],
    more: [described('c.oid', 'pg_cast')],
    from: `pg_catalog.pg_cast c
  left join pg_catalog.pg_proc p on p.oid = c.castfunc
  left join pg_catalog.pg_type st on st.oid = c.castsource
  left join pg_catalog.pg_namespace sn on sn.oid = st.typnamespace
  left join pg_catalog.pg_type tt on tt.oid = c.casttarget
  left join pg_catalog.pg_namespace tn on tn.oid = tt.typnamespace`,
    pattern: [
      {
        schema: 'sn.nspname',
        name: 'st.typname',
        otherName: 'pg_catalog.format_type(st.oid, null)',
        visible: 'pg_catalog.pg_type_is_visible(st.oid)',
      },
      {
        schema: 'tn.nspname',
        name: 'tt.typname',
        otherName: 'pg_catalog.format_type(tt.oid, null)',
        visible: 'pg_catalog.pg_type_is_visible(tt.oid)',
      },
    ],
    order: '1, 2',
  }),
  c: () => ({
    title: 'List of conversions',
    columns: [
      'n.nspname as "Schema"',
      'c.conname as "Name"',
      'pg_catalog.pg_encoding_to_char(c.conforencoding) as "Source"',
      'pg_catalog.pg_encoding_to_char(c.contoencoding) as "Destination"',
      `case when c.condefault then 'yes' else 'no' end as "Default?"`,
    ],
    more: [described('c.oid', 'pg_conversion')],
    from: `pg_catalog.pg_conversion c ${schemaOf('c.connamespace')}`,
    ordinary: NO_SYSTEM,
    pattern: { schema: 'n.nspname', name: 'c.conname', visible: 'pg_catalog.pg_conversion_is_visible(c.oid)' },
    order: '1, 2',
  }),
  config: ({ isVerbose, pattern }, version) => {
    const hasPrivileges = isVerbose && version >= 15_00_00
    const which = pattern === undefined ? 'non-default configuration' : 'configuration'
    return {
      title: `List of ${which} parameters`,
      columns: ['s.name as "Parameter"', 'pg_catalog.current_setting(s.name) as "Value"'],
      more: ['s.vartype as "Type"', 's.context as "Context"', ...(hasPrivileges ? [ACL('p.paracl')] : [])],
      from: `pg_catalog.pg_settings s${
        hasPrivileges ? '\n  left join pg_catalog.pg_parameter_acl p on pg_catalog.lower(s.name) = p.parname' : ''
      }`,
      ordinary: ["s.source <> 'default'", 's.setting is distinct from s.boot_val'],
      pattern: { schema: null, name: 'pg_catalog.lower(s.name)' },
      order: '1',
    }
  },
  d: () => ({
    title: 'Object descriptions',
    columns: ['o.nspname as "Schema"', 'o.name as "Name"', 'o.kind as "Object"', 'd.description as "Description"'],
    more: [],
    from: `(
  select c.oid, c.tableoid, n.nspname, c.conname as name, 'table constraint' as kind, pg_catalog.pg_table_is_visible(t.oid) as visible
    from pg_catalog.pg_constraint c join pg_catalog.pg_class t on t.oid = c.conrelid ${schemaOf('t.relnamespace')}
  union all
  select c.oid, c.tableoid, n.nspname, c.conname, 'domain constraint', pg_catalog.pg_type_is_visible(t.oid)
    from pg_catalog.pg_constraint c join pg_catalog.pg_type t on t.oid = c.contypid ${schemaOf('t.typnamespace')}
  union all
  select o.oid, o.tableoid, n.nspname, o.opcname, 'operator class', pg_catalog.pg_opclass_is_visible(o.oid)
    from pg_catalog.pg_opclass o ${schemaOf('o.opcnamespace')}
  union all
  select o.oid, o.tableoid, n.nspname, o.opfname, 'operator family', pg_catalog.pg_opfamily_is_visible(o.oid)
    from pg_catalog.pg_opfamily o ${schemaOf('o.opfnamespace')}
  union all
  select r.oid, r.tableoid, n.nspname, r.rulename, 'rule', pg_catalog.pg_table_is_visible(t.oid)
    from pg_catalog.pg_rewrite r join pg_catalog.pg_class t on t.oid = r.ev_class ${schemaOf('t.relnamespace')}
    where r.rulename <> '_RETURN'
  union all
  select g.oid, g.tableoid, n.nspname, g.tgname, 'trigger', pg_catalog.pg_table_is_visible(t.oid)
    from pg_catalog.pg_trigger g join pg_catalog.pg_class t on t.oid = g.tgrelid ${schemaOf('t.relnamespace')}
) o join pg_catalog.pg_description d on d.objoid = o.oid and d.classoid = o.tableoid and d.objsubid = 0`,
    ordinary: ["o.nspname <> 'pg_catalog'", "o.nspname <> 'information_schema'"],
    pattern: { schema: 'o.nspname', name: 'o.name', visible: 'o.visible' },
    order: '1, 2, 3',
  }),
  dp: () => ({
    title: 'Default access privileges',
    columns: [
      OWNER('d.defaclrole'),
      'n.nspname as "Schema"',
      `case d.defaclobjtype when 'r' then 'table' when 'S' then 'sequence' when 'f' then 'function' when 'T' then 'type'
    when 'n' then 'schema' when 'L' then 'large object' end as "Type"`,
      ACL('d.defaclacl'),
    ],
    more: [],
    from: `pg_catalog.pg_default_acl d ${schemaOf('d.defaclnamespace')}`,
    pattern: [
      { schema: null, name: 'n.nspname', mostParts: 3 },
      { schema: null, name: 'pg_catalog.pg_get_userbyid(d.defaclrole)', mostParts: 3 },
    ],
    order: '1, 2, 3',
  }),
  rds: ({ pattern, second }) => ({
    title: 'List of settings',
    whenEmpty: `Did not find any settings${pattern === undefined ? '' : ` for role "${pattern}"`}${
      second === undefined ? '' : ` and database "${second}"`
    }.`,
    columns: [
      'r.rolname as "Role"',
      'd.datname as "Database"',
      `pg_catalog.array_to_string(s.setconfig, E'\\n') as "Settings"`,
    ],
    more: [],
    from: `pg_catalog.pg_db_role_setting s
  left join pg_catalog.pg_roles r on r.oid = s.setrole
  left join pg_catalog.pg_database d on d.oid = s.setdatabase`,
    pattern: { schema: null, name: 'r.rolname' },
    secondPattern: { schema: null, name: 'd.datname' },
    order: '1, 2',
  }),
  Rp: (_how, version) => ({
    title: 'List of publications',
    columns: ['p.pubname as "Name"', OWNER('p.pubowner'), ...publicationColumns(version)],
    more: [],
    from: 'pg_catalog.pg_publication p',
    pattern: { schema: null, name: 'p.pubname' },
    order: '1',
  }),
  Rs: (_how, version) => ({
    title: 'List of subscriptions',
    columns: [
      's.subname as "Name"',
      OWNER('s.subowner'),
      's.subenabled as "Enabled"',
      's.subpublications as "Publication"',
    ],
    more: [
      ...(version >= 14_00_00 ? ['s.subbinary as "Binary"', 's.substream as "Streaming"'] : []),
      ...(version >= 15_00_00
        ? ['s.subtwophasestate as "Two-phase commit"', 's.subdisableonerr as "Disable on error"']
        : []),
      's.subsynccommit as "Synchronous commit"',
      's.subconninfo as "Conninfo"',
      ...(version >= 15_00_00 ? ['s.subskiplsn as "Skip LSN"'] : []),
    ],
    from: 'pg_catalog.pg_subscription s',
    where: ['s.subdbid = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())'],
    pattern: { schema: null, name: 's.subname' },
    order: '1',
  }),
  X: (_how, version) => {
    const kind = (letter: string, heading: string): string =>
      `case when '${letter}' = any (s.stxkind) then 'defined' end as "${heading}"`
    const definition =
      version >= 14_00_00
        ? 'pg_catalog.pg_get_statisticsobjdef_columns(s.oid)'
        : `(select pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ') from pg_catalog.unnest(s.stxkeys) k
    join pg_catalog.pg_attribute a on a.attrelid = s.stxrelid and a.attnum = k and not a.attisdropped)`
    return {
      title: 'List of extended statistics',
      columns: [
        'n.nspname as "Schema"',
        's.stxname as "Name"',
        `${definition} || ' FROM ' || s.stxrelid::pg_catalog.regclass as "Definition"`,
        kind('d', 'Ndistinct'),
        kind('f', 'Dependencies'),
        kind('m', 'MCV'),
      ],
      more: [],
      from: `pg_catalog.pg_statistic_ext s ${schemaOf('s.stxnamespace')}`,
      pattern: { schema: 'n.nspname', name: 's.stxname', visible: 'pg_catalog.pg_statistics_obj_is_visible(s.oid)' },
      order: '1, 2',
    }
  },
  ...OPERATOR_LISTS,
  l: ({ isVerbose }) => ({
    title: 'Large objects',
    columns: [
      'oid as "ID"',
      'pg_catalog.pg_get_userbyid(lomowner) as "Owner"',
      ...(isVerbose ? [ACL('lomacl')] : []),
      described('oid', 'pg_largeobject'),
    ],
    more: [],
    from: 'pg_catalog.pg_largeobject_metadata',
    pattern: { schema: null, name: 'oid::pg_catalog.text' },
    order: 'oid',
  }),
  O: (_how, version) => ({
    title: 'List of collations',
    columns: [
      'n.nspname as "Schema"',
      'c.collname as "Name"',
      `case c.collprovider when 'd' then 'default' when 'b' then 'builtin' when 'c' then 'libc' when 'i' then 'icu' end as "Provider"`,
      'c.collcollate as "Collate"',
      'c.collctype as "Ctype"',
      `${version >= 17_00_00 ? 'c.colllocale' : version >= 15_00_00 ? 'c.colliculocale' : 'c.collcollate'} as "Locale"`,
      `${version >= 16_00_00 ? 'c.collicurules' : 'null'} as "ICU Rules"`,
      `case when c.collisdeterministic then 'yes' else 'no' end as "Deterministic?"`,
    ],
    more: [described('c.oid', 'pg_collation')],
    from: 'pg_catalog.pg_collation c join pg_catalog.pg_namespace n on n.oid = c.collnamespace',
    where: ['c.collencoding in (-1, pg_catalog.pg_char_to_encoding(pg_catalog.getdatabaseencoding()))'],
    ordinary: NO_SYSTEM,
    pattern: { schema: 'n.nspname', name: 'c.collname', visible: 'pg_catalog.pg_collation_is_visible(c.oid)' },
    order: '1, 2',
  }),
  rg: (_how, version) => ({
    title: 'List of role grants',
    columns: [
      'm.rolname as "Role name"',
      'r.rolname as "Member of"',
      version >= 16_00_00
        ? `pg_catalog.concat_ws(', ', case when pam.admin_option then 'ADMIN' end, case when pam.inherit_option then 'INHERIT' end,
    case when pam.set_option then 'SET' end) as "Options"`
        : `pg_catalog.concat_ws(', ', case when pam.admin_option then 'ADMIN' end, case when m.rolinherit then 'INHERIT' end, 'SET') as "Options"`,
      'g.rolname as "Grantor"',
    ],
    more: [],
    from: `pg_catalog.pg_roles m join pg_catalog.pg_auth_members pam on pam.member = m.oid
  left join pg_catalog.pg_roles r on pam.roleid = r.oid left join pg_catalog.pg_roles g on pam.grantor = g.oid`,
    ordinary: ["m.rolname !~ '^pg_'"],
    pattern: { schema: null, name: 'm.rolname' },
    order: '1, 2, 4',
  }),
  F: () => textSearchList('configurations', 'pg_ts_config', 'cfg', []),
  Fd: () =>
    textSearchList('dictionaries', 'pg_ts_dict', 'dict', [
      `(select coalesce(tn.nspname, '(null)') || '.' || t.tmplname from pg_catalog.pg_ts_template t
    left join pg_catalog.pg_namespace tn on tn.oid = t.tmplnamespace where t.oid = x.dicttemplate) as "Template"`,
      'x.dictinitoption as "Init options"',
    ]),
  Fp: () => textSearchList('parsers', 'pg_ts_parser', 'prs', []),
  Ft: () => textSearchList('templates', 'pg_ts_template', 'tmpl', ['x.tmplinit as "Init"', 'x.tmpllexize as "Lexize"']),
  y: ({ isVerbose }) => ({
    title: 'List of event triggers',
    columns: [
      'e.evtname as "Name"',
      'e.evtevent as "Event"',
      OWNER('e.evtowner'),
      `case e.evtenabled when 'O' then 'enabled' when 'R' then 'replica' when 'A' then 'always' when 'D' then 'disabled' end as "Enabled"`,
      'e.evtfoid::pg_catalog.regproc as "Function"',
      `pg_catalog.array_to_string(e.evttags, ', ') as "Tags"`,
      ...(isVerbose ? [described('e.oid', 'pg_event_trigger')] : []),
    ],
    more: [],
    from: 'pg_catalog.pg_event_trigger e',
    pattern: { schema: null, name: 'e.evtname' },
    order: '1',
  }),
  o: ({ isVerbose, more = [] }) => {
    const sides = more.length === 1 ? ['o.oprright'] : ['o.oprleft', 'o.oprright']
    const { joins, conditions } = filterByArguments(more, sides)
    return {
      title: 'List of operators',
      columns: [
        'n.nspname as "Schema"',
        'o.oprname as "Name"',
        `case when o.oprkind = 'l' then null else pg_catalog.format_type(o.oprleft, null) end as "Left arg type"`,
        `case when o.oprkind = 'r' then null else pg_catalog.format_type(o.oprright, null) end as "Right arg type"`,
        'pg_catalog.format_type(o.oprresult, null) as "Result type"',
        ...(isVerbose ? ['o.oprcode as "Function"'] : []),
        `coalesce(pg_catalog.obj_description(o.oid, 'pg_operator'), pg_catalog.obj_description(o.oprcode, 'pg_proc')) as "Description"`,
      ],
      more: [],
      from: `pg_catalog.pg_operator o left join pg_catalog.pg_namespace n on n.oid = o.oprnamespace${joins}`,
      // With one type given, the list shows the operators that stand before their only argument.
      where: [...(more.length === 1 ? ['o.oprleft = 0'] : []), ...conditions],
      ordinary: NO_SYSTEM,
      pattern: {
        schema: 'n.nspname',
        name: 'o.oprname',
        isSymbol: true,
        visible: 'pg_catalog.pg_operator_is_visible(o.oid)',
      },
      order: '1, 2, 3, 4',
    }
  },
  ew: () => ({
    title: 'List of foreign-data wrappers',
    columns: [
      'w.fdwname as "Name"',
      OWNER('w.fdwowner'),
      'w.fdwhandler::pg_catalog.regproc as "Handler"',
      'w.fdwvalidator::pg_catalog.regproc as "Validator"',
    ],
    more: [ACL('w.fdwacl'), fdwOptions('w.fdwoptions'), described('w.oid', 'pg_foreign_data_wrapper')],
    from: 'pg_catalog.pg_foreign_data_wrapper w',
    pattern: { schema: null, name: 'w.fdwname' },
    order: '1',
  }),
  es: () => ({
    title: 'List of foreign servers',
    columns: ['s.srvname as "Name"', OWNER('s.srvowner'), 'w.fdwname as "Foreign-data wrapper"'],
    more: [
      ACL('s.srvacl'),
      's.srvtype as "Type"',
      's.srvversion as "Version"',
      fdwOptions('s.srvoptions'),
      described('s.oid', 'pg_foreign_server'),
    ],
    from: 'pg_catalog.pg_foreign_server s join pg_catalog.pg_foreign_data_wrapper w on w.oid = s.srvfdw',
    pattern: { schema: null, name: 's.srvname' },
    order: '1',
  }),
  et: () => ({
    title: 'List of foreign tables',
    columns: ['n.nspname as "Schema"', 'c.relname as "Table"', 's.srvname as "Server"'],
    more: [fdwOptions('f.ftoptions'), described('c.oid', 'pg_class')],
    from: `pg_catalog.pg_foreign_table f
  join pg_catalog.pg_class c on c.oid = f.ftrelid
  join pg_catalog.pg_foreign_server s on s.oid = f.ftserver ${schemaOf('c.relnamespace')}`,
    pattern: { schema: 'n.nspname', name: 'c.relname', visible: 'pg_catalog.pg_table_is_visible(c.oid)' },
    order: '1, 2',
  }),
  eu: () => ({
    title: 'List of user mappings',
    columns: ['u.srvname as "Server"', 'u.usename as "User name"'],
    more: [fdwOptions('u.umoptions')],
    from: 'pg_catalog.pg_user_mappings u',
    pattern: [
      { schema: null, name: 'u.srvname' },
      { schema: null, name: 'u.usename' },
    ],
    order: '1, 2',
  }),
}

/** The list of a command such as `dRp`; null when it is not in this file. */
export function rarerList(kind: string, how: ListRequest, version: number): List | null {
  const key = kind.slice(1)
  return Object.hasOwn(RARER, key) ? RARER[key]!(how, version) : null
}

/** The commands of these lists, for completion. */
export const RARER_COMMANDS: readonly string[] = Object.keys(RARER).map((key) => `d${key}`)

export function publicationColumns(version: number): string[] {
  return [
    'p.puballtables as "All tables"',
    'p.pubinsert as "Inserts"',
    'p.pubupdate as "Updates"',
    'p.pubdelete as "Deletes"',
    'p.pubtruncate as "Truncates"',
    ...(version >= 13_00_00 ? ['p.pubviaroot as "Via root"'] : []),
  ]
}

/** @param prefix the prefix of the catalog's column names */
function textSearchList(what: string, catalog: string, prefix: string, more: string[]): List {
  return {
    title: `List of text search ${what}`,
    columns: ['n.nspname as "Schema"', `x.${prefix}name as "Name"`],
    more,
    last: described('x.oid', catalog),
    from: `pg_catalog.${catalog} x ${schemaOf(`x.${prefix}namespace`)}`,
    pattern: { schema: 'n.nspname', name: `x.${prefix}name`, visible: `pg_catalog.${catalog}_is_visible(x.oid)` },
    order: '1, 2',
  }
}
