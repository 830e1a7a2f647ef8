/** Lists of `\d`'s family that are asked for now and then: `\dconfig` and `\do`. */
import type { How } from './ask-catalog.ts'
import { type List, NO_SYSTEM } from './object-lists.ts'

/** Settings of the server: without a pattern those that are not as they come. @param version of the server */
export function settingList({ isVerbose, pattern }: How, version: number): List {
  const hasPrivileges = isVerbose && version >= 15_00_00
  return {
    title: pattern === undefined ? 'List of non-default configuration parameters' : 'List of configuration parameters',
    columns: ['s.name as "Parameter"', 'pg_catalog.current_setting(s.name) as "Value"'],
    more: [
      's.vartype as "Type"',
      's.context as "Context"',
      ...(hasPrivileges ? [`pg_catalog.array_to_string(p.paracl, E'\\n') as "Access privileges"`] : []),
    ],
    from: `pg_catalog.pg_settings s${
      hasPrivileges ? '\n  left join pg_catalog.pg_parameter_acl p on pg_catalog.lower(s.name) = p.parname' : ''
    }`,
    ordinary: ["s.source <> 'default'", 's.setting is distinct from s.boot_val'],
    pattern: { schema: null, name: 'pg_catalog.lower(s.name)' },
    order: '1',
  }
}

export function operatorList({ isVerbose }: How): List {
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
    from: 'pg_catalog.pg_operator o left join pg_catalog.pg_namespace n on n.oid = o.oprnamespace',
    ordinary: NO_SYSTEM,
    pattern: { schema: 'n.nspname', name: 'o.oprname', visible: 'pg_catalog.pg_operator_is_visible(o.oid)' },
    order: '1, 2, 3, 4',
  }
}
